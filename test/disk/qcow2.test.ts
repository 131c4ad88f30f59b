import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createOverlay, fileSize, readQcow2 } from '../../src/disk/qcow2.js';
import { copyRaw } from '../../src/disk/raw-copy.js';
import { rejectsWithCode } from '../support/rejects.js';
import { temporaryDirectory } from '../support/temporary.js';

const MiB = 1024 * 1024;

describe('a qcow2 overlay', () => {
  function raw(context: Mocha.Context, bytes = 8 * MiB): { directory: string; base: string } {
    const directory = temporaryDirectory(context);
    const base = join(directory, 'base.raw');
    writeFileSync(base, 'begin');
    truncateSync(base, bytes);
    return { directory, base };
  }

  it('names what it is an overlay of, and is as large as asked for', async function () {
    const { directory, base } = raw(this);
    const path = join(directory, 'disk.qcow2');
    await createOverlay(path, base, 20 * MiB);
    assert.deepEqual(await readQcow2(path), { backing: base, virtualSize: 20 * MiB });
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const information = JSON.parse(
      execFileSync('qemu-img', ['info', '--output', 'json', path], { encoding: 'utf8' }),
    ) as Record<string, unknown>;
    assert.equal(information['backing-filename-format'], 'raw', 'a format that nobody has to guess');
  });

  it('is not made where it cannot be, and says what qemu-img said', async function () {
    const { directory } = raw(this);
    const error = await rejectsWithCode('OVERLAY_FAILED', () =>
      createOverlay(join(directory, 'disk.qcow2'), join(directory, 'absent'), MiB),
    );
    assert.match(error.output ?? '', /absent/);
  });

  it('reads an image that stands alone', async function () {
    const { directory } = raw(this);
    const path = join(directory, 'alone.qcow2');
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', path, '3M']);
    assert.deepEqual(await readQcow2(path), { backing: undefined, virtualSize: 3 * MiB });
  });

  it('whose header is damaged is recognised, in every part that counts', async function () {
    const { directory, base } = raw(this);
    const path = join(directory, 'disk.qcow2');
    for (const [offset, bytes] of [
      [0, [0]],
      [4, [0, 0, 0, 9]],
      [8, [0x7f, 0xff]],
      [16, [0xff]],
      [20, [0, 0, 0, 60]],
    ] as const) {
      await createOverlay(path, base, 8 * MiB);
      const content = execFileSync('head', ['-c', '4096', path]);
      content.set(bytes, offset);
      writeFileSync(path, content);
      const error = await rejectsWithCode('DISK_DAMAGED', () => readQcow2(path));
      assert.match(error.message, /disk\.qcow2 is not the qcow2 image/);
    }
    writeFileSync(path, '');
    await rejectsWithCode('DISK_DAMAGED', () => readQcow2(path));
  });

  it('a raw copy has the bytes and the size, and keeps the holes', async function () {
    const { directory, base } = raw(this, 64 * MiB);
    const path = join(directory, 'copy.raw');
    await copyRaw(base, path, 100 * MiB);
    const { allocated, apparent } = await fileSize(path);
    assert.equal(apparent, 100 * MiB);
    assert.ok(allocated < MiB, `${allocated} bytes are allocated`);
    assert.equal(execFileSync('head', ['-c', '5', path], { encoding: 'utf8' }), 'begin');
    await rejectsWithCode('COPY_FAILED', () => copyRaw(join(directory, 'absent'), path, MiB));
  });
});
