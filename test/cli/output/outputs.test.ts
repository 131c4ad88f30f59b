import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { cli } from '../../support/project.js';
import { temporaryDirectory } from '../../support/temporary.js';

/** Runs a shell script in which `pb` is our command line, on libvirt's test driver. */
function shell(script: string): { exitCode: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(
    'bash',
    [
      '-c',
      `pb() { "$node" "$cli" --connect test:///default "$@"; }; node=$1 cli=$2; ${script}`,
      'bash',
      process.execPath,
      cli,
    ],
    { encoding: 'utf8' },
  );
  return { exitCode: status, stdout, stderr };
}

describe('the outputs of the command line', () => {
  const full = 'Error: The output could not be written to stdout: there is no space left on the device\n';

  // Where there is such a device.
  for (const words of process.platform === 'linux' ? ['list', '--help'] : []) {
    it(`say in one sentence that stdout is full: ${words}`, () => {
      const { exitCode, stderr } = shell(`pb ${words} >/dev/full`);
      assert.deepEqual([exitCode, stderr], [1, full]);
    });
  }

  it('end in silence when nobody reads them', () => {
    const { stdout, stderr } = shell('pb completion bash | true; echo "${PIPESTATUS[0]}"');
    assert.deepEqual([stdout, stderr], ['0\n', '']);
  });

  it('are no reason to fail, or to fail otherwise, where stderr is full, closed or read by nobody', () => {
    const { stdout } = shell(
      'pb list --log-level debug --quiet 2>/dev/full; echo $?; pb inspect none 2>/dev/full; echo $?; pb inspect none 2>&-; echo $?; pb inspect none 2>&1 | true; echo "${PIPESTATUS[0]}"; pb list 2>/dev/full >/dev/full; echo $?',
    );
    assert.equal(stdout, '0\n2\n2\n2\n1\n');
  });
});

describe('in a working directory that was removed', () => {
  const removed = (context: Mocha.Context): string =>
    `mkdir ${join(temporaryDirectory(context), 'gone')}; cd "$_"; rmdir "$PWD"; `;

  it('commands work that need no path of there', function () {
    const { exitCode, stderr } = shell(`${removed(this)}pb list`);
    assert.deepEqual([exitCode, stderr], [0, '']);
  });

  it('a path that begins there is refused in one sentence', function () {
    const { exitCode, stderr } = shell(`${removed(this)}pb create --cloudinit data localhost/x`);
    assert.equal(exitCode, 2);
    assert.match(
      stderr,
      /^Error: The working directory was removed, and a path is given that begins there\n.*\n$/,
    );
  });
});
