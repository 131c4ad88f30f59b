import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chownSync, cpSync, lstatSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../support/project.js';
import { temporaryDirectory } from '../support/temporary.js';

function bash(script: string, env: NodeJS.ProcessEnv = {}, cwd = projectRoot): string {
  const { stdout, stderr, status } = spawnSync('bash', ['--norc', '-c', `set -euo pipefail; ${script}`], {
    encoding: 'utf8',
    cwd,
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', ...env },
  });
  assert.equal(status, 0, stderr);
  return stdout;
}

describe('our scripts', () => {
  for (const library of ['scripts/lib.sh', 'test/testbed/lib/common.sh']) {
    it(`find root's programs with a user's PATH, each directory once: ${library}`, () => {
      const script = `source ${library}; source scripts/environment.sh; echo "$PATH"; command -v ldconfig`;
      const [path, program = ''] = bash(script).split('\n');
      assert.equal(path, '/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin');
      assert.match(program, /sbin\/ldconfig$/);
    });

    it(`make files that others can read, whatever the umask, and need no TMPDIR that is gone: ${library}`, () => {
      const script = `umask 077; source ${library}; umask; file=$(mktemp); rm "$file"; echo "\${TMPDIR-none}"`;
      assert.equal(bash(script, { TMPDIR: '/nonexistent' }), '0022\nnone\n');
    });
  }

  it('run what is to be done at the end backwards, and keep the exit code', () => {
    const script = `(source scripts/lib.sh; at_exit+=('echo 1' 'echo 2; false'); exit 3) || echo "code $?"`;
    assert.equal(bash(script), '2\n1\ncode 3\n');
  });

  if (process.getuid?.() === 0) {
    it("leave nothing of root's in a checkout of somebody else, but what has owners of its own", function () {
      const root = temporaryDirectory(this);
      const [user, group] = [61184, 61185];
      mkdirSync(join(root, 'scripts'));
      for (const name of ['lib.sh', 'environment.sh'])
        cpSync(join(projectRoot, 'scripts', name), join(root, 'scripts', name));
      const theirs = [
        'node_modules/.package-lock.json',
        'dist/src/index.js',
        'build/Release/addon.node',
        '.cache/testbed/root.tar',
        '.cache/asan/file',
      ];
      const ours = ['.cache/testbed/podman/store/file', '.cache/testbed/newer/etc/passwd', 'source/file'];
      for (const path of [...theirs, ...ours]) {
        mkdirSync(join(root, path, '..'), { recursive: true });
        writeFileSync(join(root, path), '');
      }
      writeFileSync(join(root, 'outside'), '');
      symlinkSync('../outside', join(root, 'node_modules', 'link'));
      mkdirSync(join(root, 'node_modules', 'another'));
      chownSync(join(root, 'node_modules', 'another'), 7, 7);
      chownSync(root, user, group);
      bash('source scripts/lib.sh', {}, root);
      const owner = (path: string): [number, number] => {
        const { uid, gid } = lstatSync(join(root, path));
        return [uid, gid];
      };
      for (const path of [...theirs, 'node_modules', '.cache', '.cache/testbed', 'node_modules/link'])
        assert.deepEqual(owner(path), [user, group], path);
      for (const path of [...ours, 'outside', 'scripts/lib.sh']) assert.deepEqual(owner(path), [0, 0], path);
      assert.deepEqual(owner('node_modules/another'), [7, 7]);
    });
  }
});
