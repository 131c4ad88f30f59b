import assert from 'node:assert/strict';
import { stat, statfs, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { chooseDiskSize, createSparseDisk } from '../../src/bootc/disk-size.js';
import { GiB, MiB } from '../../src/sizes.js';
import { rejectsWithCode } from '../support/rejects.js';
import { temporaryDirectory } from '../support/temporary.js';

describe('disk size', () => {
  it('is what was asked for to the byte', () => {
    assert.equal(chooseDiskSize(123_456_789, 20 * GiB), 123_456_789);
  });

  it('is 10 GiB for a small image, and twice a large one in whole blocks', () => {
    assert.equal(chooseDiskSize(undefined, 300 * MiB), 10 * GiB);
    assert.equal(chooseDiskSize(undefined, 7 * GiB + 1), 14 * GiB + 4096);
  });

  it('creates a sparse file that only its owner reads', async function () {
    const disk = join(temporaryDirectory(this), 'disk');
    await createSparseDisk(disk, 10 * GiB, MiB);
    const { size, blocks, mode } = await stat(disk);
    assert.equal(size, 10 * GiB);
    assert.ok(blocks * 512 < MiB);
    assert.equal(mode & 0o777, 0o600);
  });

  it('refuses what the file system cannot hold, and leaves nothing', async function () {
    const directory = temporaryDirectory(this);
    const { blocks, bsize } = await statfs(directory);
    const error = await rejectsWithCode('DISK_TOO_LARGE', () =>
      createSparseDisk(join(directory, 'disk'), blocks * bsize + 1, MiB),
    );
    assert.match(error.message, /does not fit on the file system/);
    assert.deepEqual(await readdir(directory), []);
  });

  it('refuses an image that does not fit before anything is written', async function () {
    const directory = temporaryDirectory(this);
    const { bavail, bsize } = await statfs(directory);
    await rejectsWithCode('DISK_FULL', () =>
      createSparseDisk(join(directory, 'disk'), GiB, 2 * bavail * bsize),
    );
    assert.deepEqual(await readdir(directory), []);
  });
});
