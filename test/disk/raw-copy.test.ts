import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { moveRaw } from '../../src/disk/raw-copy.js';
import { temporaryDirectory } from '../support/temporary.js';

describe('moving a raw image', () => {
  it('leaves nothing behind, on the same file system and from another one', async function () {
    const directory = temporaryDirectory(this);
    const to = join(directory, 'disk.raw');
    // On Linux a tmpfs; elsewhere a second directory on the same file system does.
    const shm = existsSync('/dev/shm')
      ? mkdtempSync('/dev/shm/podman-bootc-test-')
      : temporaryDirectory(this);
    try {
      for (const parent of [directory, shm]) {
        const from = join(parent, 'installed');
        writeFileSync(from, `disk of ${parent}`);
        await moveRaw(from, to);
        assert.equal(readFileSync(to, 'utf8'), `disk of ${parent}`);
        assert.equal(existsSync(from), false);
        assert.deepEqual(readdirSync(directory), ['disk.raw']);
      }
      assert.equal(statSync(to).mode & 0o777, 0o600);
    } finally {
      rmSync(shm, { recursive: true });
    }
  });
});
