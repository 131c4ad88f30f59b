import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { quoteForShell } from '../../../src/ssh/session.js';
import { cli, projectRoot } from '../../support/project.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { testNode, uuidFor } from '../../support/test-node.js';

function podmanBootc(...args: string[]): { exitCode: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8' });
  return { exitCode: status, stdout, stderr };
}

describe('the commands about the console', () => {
  let uri: string;
  let log: string;

  before(function () {
    const root = temporaryDirectory(this);
    const directory = join(root, 'vms', uuidFor('web'));
    mkdirSync(directory, { recursive: true });
    log = join(directory, 'console.log');
    copyFileSync(join(projectRoot, 'test', 'boot', 'fixtures', 'panic.console'), log);
    const node = join(root, 'node.xml');
    const diskPath = join(root, 'disks', `${uuidFor('web')}.raw`);
    writeFileSync(
      node,
      testNode([
        { name: 'web', diskPath, state: 'shut off' },
        { name: 'new', state: 'shut off', diskPath: join(root, 'disks', `${uuidFor('new')}.raw`) },
      ]),
    );
    uri = `test://${node}`;
  });

  it('print the log as the guest wrote it into a pipe, and without control characters on a terminal', () => {
    const piped = podmanBootc('--connect', uri, 'logs', 'web');
    // eslint-disable-next-line no-control-regex -- likewise
    assert.match(piped.stdout, /^\u001b\[2J/, piped.stderr);
    const line = [process.execPath, cli, '--connect', uri, 'logs', 'web'].map(quoteForShell).join(' ');
    const shown = spawnSync('script', ['-qec', line, '/dev/null'], { encoding: 'utf8' }).stdout;
    assert.match(shown, /Kernel panic/);
    // eslint-disable-next-line no-control-regex -- control characters are what is looked for
    assert.doesNotMatch(shown, /[\u0000-\u0009\u000b\u000c\u000e-\u001f]/);
  });

  it('say which boots are kept, and what a boot is', () => {
    const missing = podmanBootc('--connect', uri, 'logs', '--boot', '-1', 'web');
    assert.equal(missing.exitCode, 2);
    assert.match(missing.stderr, /Expected --boot to be 0, which is what is kept, got -1/);
    assert.match(
      podmanBootc('--connect', uri, 'logs', '--boot', '1', 'web').stderr,
      /Expected --boot to be 0, -1/,
    );
    assert.match(podmanBootc('--connect', uri, 'logs', '--since', 'soon', 'web').stderr, /Expected --since/);
    assert.match(podmanBootc('--connect', uri, 'logs', 'new').stderr, /Nothing has been written/);
  });

  it('give the verdict on the last boot, as text and as JSON', () => {
    const text = podmanBootc('--connect', uri, 'status', 'web');
    assert.equal(text.exitCode, 0, text.stderr);
    assert.match(text.stdout, /Stage: +boot loader\n[^]*Verdict: +The kernel of web panicked: "Kernel panic/);
    assert.match(text.stdout, /Last lines of the console:\n[^]*mount|---\[ end Kernel panic/);
    const json = JSON.parse(podmanBootc('--connect', uri, 'status', '--format', 'json', 'web').stdout) as {
      verdict: { code: string };
      boot: { stage: string };
    };
    assert.deepEqual([json.verdict.code, json.boot.stage], ['BOOT_PANIC', 'boot-loader']);
  });

  it('say of a VM that was never started just that, and how to', () => {
    const text = podmanBootc('--connect', uri, 'status', 'new');
    assert.match(
      text.stdout,
      /^State: +shut off \(never started\)\nSSH: +does not run\nRemedy: +Start it with `podman-bootc start new`$/m,
    );
    const json = podmanBootc('--connect', uri, 'status', '--format', 'json', 'new').stdout;
    const { boot, ssh } = JSON.parse(json) as {
      boot: { started: boolean };
      ssh: { problem: null; waited: null };
    };
    assert.deepEqual([boot.started, ssh.problem, ssh.waited], [false, null, null]);
    assert.doesNotMatch(podmanBootc('--connect', uri, 'status', 'web').stdout, /never|Start it/);
  });

  it('say that a console needs a VM that runs', () => {
    const outcome = podmanBootc('--connect', uri, 'console', 'web');
    assert.equal(outcome.exitCode, 2);
    assert.match(outcome.stderr, /web is shut off[^]*podman-bootc start[^]*podman-bootc logs/);
  });
});
