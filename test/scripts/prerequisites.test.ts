import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../support/project.js';
import { temporaryDirectory } from '../support/temporary.js';

/** Looks for what a suite starts. */
function look(suite: string, path?: string): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(join(projectRoot, 'scripts', 'prerequisites'), [suite], {
    encoding: 'utf8',
    env: { ...process.env, ...(path !== undefined && { PATH: path }) },
  });
  return { status, stdout, stderr };
}

describe('the programs that a suite of tests starts', () => {
  it('are all here, and nothing is said', () => {
    for (const suite of ['fast', 'process'])
      assert.deepEqual(look(suite), { status: 0, stdout: '', stderr: '' });
  });

  /** The directories of this PATH as one, without some programs. */
  function pathWithout(context: Mocha.Context, missing: readonly string[]): string {
    const path = temporaryDirectory(context);
    for (const directory of (process.env.PATH ?? '').split(':').filter((each) => existsSync(each)))
      for (const name of readdirSync(directory))
        if (!missing.includes(name) && !existsSync(join(path, name)))
          symlinkSync(join(directory, name), join(path, name));
    return path;
  }

  it('are named all at once where some are missing, with the command that brings them', function () {
    assert.deepEqual(look('fast', pathWithout(this, ['fish', 'xmllint', 'zsh'])), {
      status: 1,
      stdout: '',
      stderr:
        'The fast suite needs programs that this host does not have: fish xmllint zsh\n' +
        'Install what brings them: scripts/provision runtime build test\n',
    });
  });

  // The quick start installs `runtime build image`.
  it('are fewer for the demo image than for all: what only the tests install is not among them', function () {
    if (process.platform !== 'linux') this.skip();
    const path = pathWithout(this, ['busybox', 'patchelf', 'zstd', 'fish', 'mcopy', 'mkfs.vfat']);
    assert.deepEqual(look('demo', path), { status: 0, stdout: '', stderr: '' });
    assert.equal(look('images', path).status, 1);
    assert.match(
      look('demo', pathWithout(this, ['cpio'])).stderr,
      /demo image needs.*: cpio\n.*provision runtime build image\n/,
    );
  });

  it('are those of a suite that there is', () => {
    const { status, stderr } = look('quick');
    assert.equal(status, 2);
    assert.equal(stderr, 'prerequisites: expected fast, process, demo, images or e2e, got "quick"\n');
  });
});
