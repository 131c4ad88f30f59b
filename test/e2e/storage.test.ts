import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withoutInstalling } from './support/base-disk.js';
import { host, podmanBootc, succeed, type Outcome } from './support/cli.js';
import { assertNoTraces, traces } from './support/leftovers.js';

const image = 'localhost/podman-bootc-demo:latest';
const data = '/var/lib/podman-bootc';
const cache = '/var/cache/podman-bootc';

/** Asserts the form of every failure: one sentence, a remedy, nothing on stdout, no stack. */
function assertFailure(outcome: Outcome, sentence: RegExp): void {
  assert.notEqual(outcome.exitCode, 0);
  assert.equal(outcome.stdout, '');
  assert.match(outcome.stderr, /^Error: \S/m);
  assert.match(outcome.stderr, sentence);
  assert.doesNotMatch(outcome.stderr, /^\s+at |ENOSPC|EROFS|ENOENT/m);
}

describe('storage that gives no more', () => {
  let initial: Record<string, string[]>;

  before(async () => {
    initial = traces();
    // The base disk, which lies elsewhere.
    await withoutInstalling(image);
  });

  after(async () => {
    await podmanBootc('disk', 'prune', '--all', '--force');
    assertNoTraces(initial);
  });

  describe('because it is full', () => {
    const filler = join(data, 'filler');
    let directory: string;

    before(async () => {
      directory = mkdtempSync(join(tmpdir(), 'full-'));
      const file = join(directory, 'file-system');
      writeFileSync(file, '');
      truncateSync(file, 12 * 1024 ** 3);
      host('mkfs.ext4', '-q', '-F', '-m', '0', file);
      host('mount', '-o', 'loop', file, data);
      await succeed('create', '--name', 'kept', image);
    });

    after(() => {
      host('umount', data);
      rmSync(directory, { recursive: true });
    });

    /** Leaves so many blocks of 4 KiB. */
    function fill(left: number): void {
      rmSync(filler, { force: true });
      let offset = 0;
      let size = Infinity;
      for (;;) {
        const { bavail, bsize } = statfsSync(data);
        size = Math.min(size, bavail - left);
        if (size <= 0) return;
        const args = ['-o', String(offset * bsize), '-l', String(size * bsize), filler];
        // What has no room for its own tables is tried in smaller pieces.
        if (spawnSync('fallocate', args).status === 0) offset += size;
        else size = Math.floor(size / 2);
      }
    }

    // A directory, a journal, an overlay of 50 blocks, keys: each may be what does not fit.
    for (const left of [0, 1, 2, 20, 52, 55]) {
      it(`leaves nothing of a VM that does not fit into ${left} blocks, and others as they are`, async () => {
        const before = traces();
        fill(left);
        assertFailure(
          await podmanBootc('create', '--name', 'other', image),
          /no space left|could not make|could not be made|ssh-keygen/i,
        );
        assertNoTraces(before);
        assert.match(await succeed('list'), /kept/);
      });
    }

    it('does not keep a VM from being removed', async () => {
      fill(0);
      await succeed('rm', 'kept');
      assert.deepEqual(traces().disks, []);
      assert.deepEqual(traces().directories, []);
    });
  });

  describe('because it is read-only', () => {
    /** Runs with a directory that nobody can write to. */
    async function readOnly(path: string, use: () => Promise<void>): Promise<void> {
      mkdirSync(path, { recursive: true });
      host('mount', '--bind', path, path);
      host('mount', '-o', 'remount,bind,ro', path);
      try {
        await use();
      } finally {
        host('umount', path);
      }
    }

    it('is named, VMs that are there stay, and readers read', async () => {
      await succeed('create', '--name', 'kept', image);
      const before = traces();
      await readOnly(data, async () => {
        for (const args of [
          ['create', '--name', 'other', image],
          ['rm', 'kept'],
        ])
          assertFailure(await podmanBootc(...args), /The file system is read-only: \/var\/lib\/podman-bootc/);
        assert.match(await succeed('list'), /kept/);
        assert.match(await succeed('disk', 'ls'), /kept/);
      });
      await readOnly(cache, async () => {
        // No other test of this suite has had a base disk made with that, so one has to be.
        assertFailure(
          await podmanBootc('create', '--name', 'other', '--karg', 'test=storage', image),
          /The file system is read-only: \/var\/cache\/podman-bootc/,
        );
      });
      await readOnly('/run/podman-bootc', async () => {
        assertFailure(await podmanBootc('rm', 'kept'), /The file system is read-only: \/run\/podman-bootc/);
        assert.match(await succeed('list'), /kept/);
      });
      assertNoTraces(before);
      await succeed('rm', 'kept');
    });
  });
});
