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

  it('are named all at once where some are missing, with the command that brings them', function () {
    // The directories of this PATH, without some.
    const missing = ['fish', 'xmllint', 'zsh'];
    const path = temporaryDirectory(this);
    for (const directory of (process.env.PATH ?? '').split(':').filter((each) => existsSync(each)))
      for (const name of readdirSync(directory))
        if (!missing.includes(name) && !existsSync(join(path, name)))
          symlinkSync(join(directory, name), join(path, name));
    assert.deepEqual(look('fast', path), {
      status: 1,
      stdout: '',
      stderr:
        'The fast suite needs programs that this host does not have: fish xmllint zsh\n' +
        'Install what brings them: scripts/provision runtime build test\n',
    });
  });

  it('are those of a suite that there is', () => {
    const { status, stderr } = look('quick');
    assert.equal(status, 2);
    assert.equal(stderr, 'prerequisites: expected fast, process, images or e2e, got "quick"\n');
  });
});
