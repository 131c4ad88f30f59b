import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { planArchive, readArchive } from '../../src/oci/archive.js';
import { blobPath, blobsOf, findImage, type LaidOutImage } from '../../src/oci/layout.js';
import { temporaryDirectory } from '../support/temporary.js';
import { writeVersion } from './layout-support.js';

describe('an archive of blobs', () => {
  let directory: string;
  let image: LaidOutImage;

  beforeEach(async function () {
    directory = temporaryDirectory(this);
    writeVersion(directory, 'localhost/web:1', ['base', '', 'x'.repeat(1024), 'ä'.repeat(400_000)]);
    image = await findImage(directory, 'localhost/web:1');
  });

  async function written(): Promise<Buffer> {
    return Buffer.concat(await readArchive(planArchive(directory, blobsOf(image))).toArray());
  }

  it('has each blob where it was planned, and the size that was planned', async () => {
    const plan = planArchive(directory, blobsOf(image));
    const bytes = await written();
    assert.equal(bytes.length, plan.size);
    assert.equal(plan.blobs.length, 6);
    for (const { digest, offset, size } of plan.blobs) {
      assert.equal(offset % 512, 0);
      const content = readFileSync(blobPath(directory, digest));
      assert.ok(content.equals(bytes.subarray(offset, offset + size)), digest);
    }
  });

  it('is one that tar reads', async () => {
    const file = join(directory, 'all.tar');
    writeFileSync(file, await written());
    const unpacked = join(directory, 'unpacked');
    mkdirSync(unpacked);
    execFileSync('tar', ['--extract', '--file', file, '--directory', unpacked]);
    for (const { digest } of blobsOf(image))
      assert.ok(readFileSync(blobPath(unpacked, digest)).equals(readFileSync(blobPath(directory, digest))));
  });

  it('says the size of a blob that octal digits do not hold', async () => {
    const size = 9 * 1024 ** 3;
    const blob = { mediaType: 'x', digest: `sha256:${'a'.repeat(64)}`, size };
    writeFileSync(blobPath(directory, blob.digest), '');
    truncateSync(blobPath(directory, blob.digest), size);
    const plan = planArchive(directory, [blob]);
    const file = join(directory, 'large.tar');
    for await (const header of readArchive(plan)) {
      writeFileSync(file, header as Buffer);
      break;
    }
    truncateSync(file, plan.size);
    const listed = execFileSync('tar', ['--list', '--verbose', '--file', file], { encoding: 'utf8' });
    assert.match(listed, new RegExp(` ${size} .*/${'a'.repeat(64)}$`, 'm'));
  });

  it('fails where a blob was cut short', async () => {
    const layer = image.layers.at(-1)?.digest ?? '';
    truncateSync(blobPath(directory, layer), 5);
    await assert.rejects(written(), /has 5 bytes instead of 800000/);
  });
});
