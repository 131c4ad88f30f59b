import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type Connection, type StoragePool } from '../../src/libvirt/index.js';
import '../libvirt/support.js';

const mebibyte = 1024 * 1024;

describe('A volume', () => {
  let connection: Connection;
  let directory: string;
  let pool: StoragePool;
  const path = (name: string) => join(directory, name);
  const create = (name: string, bytes: number) =>
    pool.createVolume(
      `<volume><name>${name}</name><capacity>${bytes}</capacity><allocation>0</allocation></volume>`,
    );

  beforeEach(async () => {
    connection = await connect('qemu:///system');
    directory = mkdtempSync('/var/lib/libvirt/pool-');
    chmodSync(directory, 0o755);
    pool = await connection.createStoragePool(
      `<pool type='dir'><name>streams</name><target><path>${directory}</path></target></pool>`,
    );
  });
  afterEach(async () => {
    await pool.destroy();
    await connection.close();
    rmSync(directory, { recursive: true });
  });

  it('takes and gives back its content', async () => {
    const content = randomBytes(40 * mebibyte + 12345);
    const volume = await create('one', content.length);
    let uploaded = 0;
    let downloaded = 0;
    await pipeline(
      Readable.from([content.subarray(0, 77), content.subarray(77)]),
      await volume.upload({
        onProgress(bytes) {
          assert.ok(bytes > uploaded);
          uploaded = bytes;
        },
      }),
    );
    assert.equal(uploaded, content.length);
    assert.ok(readFileSync(path('one')).equals(content));
    const chunks: Buffer[] = [];
    const download = await volume.download({
      onProgress(bytes) {
        downloaded = bytes;
      },
    });
    for await (const chunk of download) chunks.push(chunk as Buffer);
    assert.equal(downloaded, content.length);
    assert.ok(Buffer.concat(chunks).equals(content));
    const part = await volume.download({ offset: 1001, length: 20n * 1024n * 1024n });
    const parts = (await part.toArray()) as Buffer[];
    assert.ok(Buffer.concat(parts).equals(content.subarray(1001, 1001 + 20 * mebibyte)));
    await pipeline(Readable.from([Buffer.from('patch')]), await volume.upload({ offset: 100, length: 5 }));
    assert.equal(readFileSync(path('one')).toString('latin1', 100, 105), 'patch');
  });

  it('that ends where a part ends is read to its end, and an empty one too', async () => {
    for (const size of [32 * mebibyte, 0]) {
      const volume = await create(`end-${size}`, size);
      let length = 0;
      for await (const chunk of await volume.download()) length += (chunk as Buffer).length;
      assert.equal(length, size);
    }
  });

  it('keeps its holes', async () => {
    const content = Buffer.alloc(48 * mebibyte);
    content.write('begin');
    content.write('middle', 20 * mebibyte + 3);
    const volume = await create('sparse', content.length);
    await pipeline(Readable.from([content]), await volume.upload({ sparse: true }));
    assert.ok(readFileSync(path('sparse')).equals(content));
    assert.ok(statSync(path('sparse')).blocks * 512 < mebibyte);
    const chunks = (await (await volume.download({ sparse: true })).toArray()) as Buffer[];
    assert.ok(Buffer.concat(chunks).equals(content));
  });

  it('is not read ahead of a slow reader', async () => {
    const volume = await create('slow', 512 * mebibyte);
    const before = process.memoryUsage.rss();
    const download = await volume.download();
    await once(download, 'readable');
    await sleep(1000);
    const grown = process.memoryUsage.rss() - before;
    assert.ok(grown < 100 * mebibyte, `${grown} bytes`);
    download.destroy();
    await once(download, 'close');
  });

  it('that is too small fails the upload', async () => {
    const volume = await create('small', 100);
    await assert.rejects(
      pipeline(Readable.from([randomBytes(mebibyte)]), await volume.upload({ length: 10 })),
      { name: 'LibvirtError' },
    );
  });

  it('whose transfer is destroyed or aborted can be used again', async () => {
    const volume = await create('one', 64 * mebibyte);
    const abort = new AbortController();
    const upload = await volume.upload({ signal: abort.signal });
    upload.write(randomBytes(mebibyte));
    const failed = once(upload, 'error');
    abort.abort();
    assert.equal(((await failed)[0] as Error).name, 'AbortError');
    const download = await volume.download();
    await once(download, 'readable');
    download.destroy();
    await once(download, 'close');
    await volume.resize(65 * mebibyte);
    assert.equal((await volume.getInfo()).capacity, 65n * 1024n * 1024n);
    await volume.wipe();
    await volume.delete();
    await pool.refresh();
    assert.equal(existsSync(path('one')), false);
  });

  it('is found, and its pool by its target', async () => {
    const volume = await create('one', mebibyte);
    assert.equal((await connection.lookupStoragePoolByTargetPath(directory)).name, 'streams');
    assert.equal((await connection.lookupStorageVolumeByPath(path('one'))).key, volume.key);
    const clone = await pool.createVolumeFrom(
      volume,
      `<volume><name>two</name><capacity>${2 * mebibyte}</capacity></volume>`,
    );
    assert.equal((await clone.getInfo({ physical: true })).allocation, 2n * 1024n * 1024n);
  });
});
