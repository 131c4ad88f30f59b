import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { completionScript } from '../../../src/cli/actions/completion-scripts.js';
import { runInProcess } from '../../support/command-line.js';
import { cli } from '../../support/project.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { testNode, uuidFor } from '../../support/test-node.js';

describe('completion', function () {
  this.timeout(120_000);
  let uri: string;
  let directory: string;

  before(function () {
    directory = temporaryDirectory(this);
    writeFileSync(
      join(directory, 'node.xml'),
      testNode([
        { name: 'web', image: 'quay.io/a/b:1' },
        { name: 'off', state: 'shut off' },
        { name: 'alien', ours: false },
      ]),
    );
    uri = `test://${join(directory, 'node.xml')}`;
    symlinkSync(cli, join(directory, 'podman-bootc'));
    // What `podman images` prints, recorded; the end-to-end suite asks a real podman.
    writeFileSync(
      join(directory, 'podman'),
      `#!/bin/sh\ncase "$*" in *images*) echo '[{"Id":"${'c'.repeat(64)}","Names":["quay.io/fedora/fedora-bootc:42","quay.io/fedora/fedora-bootc:43"],"Size":1,"Created":1}]';; *) echo '[]';; esac\n`,
      { mode: 0o755 },
    );
  });

  const variables = (): Record<string, string> => ({
    LIBVIRT_DEFAULT_URI: uri,
    PATH: `${directory}:${process.env.PATH ?? ''}`,
  });

  function run(program: string, ...args: string[]): string {
    const env = { ...process.env, ...variables() };
    const { error, status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', env });
    assert.equal(error, undefined, `${program} is needed for this test`);
    assert.equal(status, 0, stderr);
    return stdout;
  }

  /** What the program itself offers for the last of these words. */
  async function candidates(...words: string[]): Promise<string[]> {
    const { exitCode, stdout, stderr } = await runInProcess(['__complete', '--', ...words], variables());
    assert.deepEqual([exitCode, stderr], [0, '']);
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split('\t')[0] ?? '');
  }

  it('offers commands, options and the values of options', async () => {
    assert.deepEqual((await candidates('s')).sort(), ['set', 'ssh', 'ssh-config', 'start', 'status', 'stop']);
    assert.deepEqual(await candidates('run', '--disk-'), ['--disk-size', '--disk-format']);
    assert.deepEqual(await candidates('to-disk', '--format', 'vh'), ['vhd', 'vhdx']);
    assert.deepEqual(await candidates('list', '--format', ''), ['table', 'json', 'yaml']);
    assert.deepEqual(await candidates('run', '--itype', 'u1.m'), ['u1.micro', 'u1.medium']);
    assert.deepEqual(await candidates('completion', 'f'), ['fish']);
    assert.deepEqual(await candidates('disk', ''), ['ls', 'prune', 'help']);
    assert.ok(!(await candidates('')).includes('__complete'));
  });

  it('offers the VMs that a command can be used on, by name and ID, and none of others', async () => {
    const id = (name: string): string => uuidFor(name).replaceAll('-', '').slice(0, 12);
    assert.deepEqual(await candidates('ssh', ''), ['web', id('web')]);
    assert.deepEqual(await candidates('start', ''), ['off', id('off')]);
    assert.deepEqual(await candidates('rm', '-f', ''), ['off', id('off'), 'web', id('web')]);
    assert.deepEqual(await candidates('pause', ''), ['web', id('web')]);
    assert.deepEqual(await candidates('resume', ''), []);
    assert.deepEqual(await candidates('restart', 'o'), ['off']);
    assert.deepEqual(await candidates('inspect', 'web', ''), ['off', id('off')]);
    assert.deepEqual(await candidates('rename', 'o'), ['off']);
    assert.deepEqual(await candidates('cp', 'w'), ['web:']);
    assert.deepEqual(await candidates('wait', '--state', 's'), ['ssh', 'stopped']);
    assert.deepEqual(await candidates('ssh-config', 'o'), ['off']);
    assert.deepEqual(await candidates('rename', 'off', ''), [], 'a new name is for its inventor to say');
    assert.deepEqual(
      await candidates('rm', 'off', 'w'),
      ['web'],
      'one that is named already is not offered again',
    );
    assert.deepEqual(
      await candidates('--connect', 'test:///default', 'rm', ''),
      [],
      'asks the libvirt that was named',
    );
  });

  it("offers images to run, and leaves the guest's command alone", async () => {
    assert.deepEqual(await candidates('run', '--rm', 'quay.io/fe'), [
      'quay.io/fedora/fedora-bootc:42',
      'quay.io/fedora/fedora-bootc:43',
    ]);
    assert.deepEqual(await candidates('to-disk', 'quay.io/fedora/fedora-bootc:43'), [
      'quay.io/fedora/fedora-bootc:43',
    ]);
    // Files are the shell's to complete.
    assert.deepEqual(await candidates('to-disk', 'quay.io/fedora/fedora-bootc:43', ''), []);
    assert.deepEqual(await candidates('run', '--disk', ''), []);
    assert.deepEqual(await candidates('run', '--disk', 'disk.raw', ''), []);
    assert.deepEqual(await candidates('run', 'image', ''), []);
    assert.deepEqual(await candidates('ssh', 'web', ''), []);
  });

  it('offers nothing, without a word, where libvirt cannot be asked', async () => {
    assert.deepEqual(await candidates('--connect', 'nonsense://', 'ssh', ''), []);
    assert.deepEqual(await candidates('nonsense', ''), []);
  });

  it('works in bash, also behind the colon of an image name', () => {
    const complete = (line: string): string[] =>
      run(
        'bash',
        '-c',
        `${completionScript('bash')}\nCOMP_LINE=$1 COMP_POINT=\${#1}\n_podman_bootc\nprintf '%s\\n' "\${COMPREPLY[@]}"`,
        'bash',
        line,
      )
        .trim()
        .split('\n');
    assert.deepEqual(complete('podman-bootc ssh w'), ['web']);
    assert.deepEqual(complete('podman-bootc run quay.io/fedora/fedora-bootc:4'), ['42', '43']);
    assert.deepEqual(complete('podman-bootc st'), ['status', 'start', 'stop']);
  });

  it('works in fish, with descriptions', () => {
    const output = run(
      'fish',
      '--no-config',
      '-c',
      `${completionScript('fish')}\ncomplete -C 'podman-bootc ssh w'`,
    );
    assert.equal(output, 'web\tquay.io/a/b:1\n');
  });

  it('works in zsh', () => {
    const output = run(
      'zsh',
      '--no-rcs',
      '-c',
      `compdef() { : }\ncompadd() { print -rl -- $values }\n${completionScript('zsh')}\nwords=(podman-bootc ssh w) CURRENT=3\n_podman_bootc`,
    );
    assert.equal(output, 'web\n');
  });

  it('has a script for PowerShell', () => {
    assert.match(
      completionScript('powershell'),
      /Register-ArgumentCompleter -Native -CommandName podman-bootc/,
    );
  });
});
