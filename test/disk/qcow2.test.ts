import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkOverlay, checkRaw, createOverlay, fileSize, readQcow2 } from '../../src/disk/qcow2.js';
import { copyRaw } from '../../src/disk/raw-copy.js';
import { codeOf } from '../../src/errors.js';
import { writeAt } from '../support/disk-image.js';
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
    assert.deepEqual(await readQcow2(path), {
      backing: base,
      backingFormat: 'raw',
      virtualSize: 20 * MiB,
      isEncrypted: false,
      damage: undefined,
    });
    assert.equal(await checkOverlay(path), base);
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
    assert.deepEqual(await readQcow2(path), {
      backing: undefined,
      backingFormat: undefined,
      virtualSize: 3 * MiB,
      isEncrypted: false,
      damage: undefined,
    });
    assert.equal(await checkOverlay(path), undefined);
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

  it('is read in all forms that qemu-img makes', async function () {
    const { directory, base } = raw(this);
    const path = join(directory, 'disk.qcow2');
    for (const options of [
      'compat=0.10',
      'cluster_size=512',
      'cluster_size=2M',
      'extended_l2=on',
      'refcount_bits=1',
    ]) {
      const formed = ['create', '-q', '-f', 'qcow2', '-o', options];
      execFileSync('qemu-img', [...formed, '-b', base, '-F', 'raw', path, '20M']);
      const header = await readQcow2(path);
      assert.deepEqual(
        [header.backing, header.backingFormat, header.virtualSize],
        [base, 'raw', 20 * MiB],
        options,
      );
    }
  });

  it('that a VM must not boot from is told: a guessed format, another one, data elsewhere, itself', async function () {
    const { directory, base } = raw(this);
    const path = join(directory, 'disk.qcow2');
    const refused = async (sentence: RegExp): Promise<void> => {
      const error = await rejectsWithCode('DISK_DAMAGED', () => checkOverlay(path));
      assert.match(error.message, sentence);
      // What it is an overlay of is known all the same, so that nobody removes that.
      assert.ok('backing' in (await readQcow2(path)));
    };
    await createOverlay(path, base, 8 * MiB);
    const content = readFileSync(path);
    content.writeUInt32BE(0x12345678, content.indexOf(Buffer.from('e2792aca', 'hex')));
    writeFileSync(path, content);
    await refused(/is of no format that it names, not raw$/);
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', join(directory, 'below.qcow2'), '8M']);
    execFileSync('qemu-img', [
      'create',
      '-q',
      '-f',
      'qcow2',
      '-b',
      join(directory, 'below.qcow2'),
      '-F',
      'qcow2',
      path,
    ]);
    await refused(/is "qcow2", not raw$/);
    const dataFile = `data_file=${join(directory, 'data')}`;
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-o', dataFile, path, '8M']);
    await refused(/its data lies in another file$/);
    symlinkSync(path, join(directory, 'link'));
    for (const backing of [join(directory, 'link'), './disk.qcow2', 'link']) {
      rmSync(path);
      execFileSync('qemu-img', ['create', '-q', '-u', '-f', 'qcow2', '-b', backing, '-F', 'raw', path, '8M']);
      await refused(/it is an overlay of itself$/);
    }
    const below = join(directory, 'below');
    mkdirSync(below);
    execFileSync('qemu-img', ['create', '-q', '-u', '-f', 'qcow2', '-b', 'below', '-F', 'raw', path, '8M']);
    await refused(/what it is an overlay of is no file: .*below$/);
    rmSync(below, { recursive: true });
    execFileSync('mkfifo', [below]);
    await refused(/what it is an overlay of is no file: .*below$/);
    rmSync(below);
    assert.equal(await checkOverlay(path), below, 'that it is gone is for others to say');
  });

  it('is not waited for, whatever is in its place', async function () {
    const { directory } = raw(this);
    const path = join(directory, 'odd');
    for (const [make, sentence] of [
      [
        () => {
          execFileSync('mkfifo', [path]);
        },
        /it is no file$/,
      ],
      [
        () => {
          mkdirSync(path);
        },
        /it is no file$/,
      ],
      [
        () => {
          symlinkSync('/dev/zero', path);
        },
        /it is no file$/,
      ],
      [
        () => {
          symlinkSync(path, path);
        },
        /it cannot be read \(ELOOP\)$/,
      ],
    ] as const) {
      make();
      const error = await rejectsWithCode('DISK_DAMAGED', () => readQcow2(path));
      assert.match(error.message, sentence);
      assert.doesNotThrow(() => fileSize(path));
      if (!sentence.source.includes('ELOOP')) await rejectsWithCode('DISK_DAMAGED', () => checkRaw(path));
      rmSync(path, { recursive: true });
    }
    for (const gone of [path, join(directory, 'base.raw', 'below')]) {
      await assert.rejects(readQcow2(gone), { code: gone === path ? 'ENOENT' : 'ENOTDIR' });
      assert.deepEqual(await fileSize(gone), { allocated: 0, apparent: 0 });
    }
  });

  it('with any byte of its header changed, or cut anywhere, is read or called damaged', async function () {
    const { directory, base } = raw(this);
    const path = join(directory, 'disk.qcow2');
    await createOverlay(path, base, 8 * MiB);
    const whole = readFileSync(path);
    const readOrDamaged = async (): Promise<boolean> => {
      try {
        await checkOverlay(path);
        return true;
      } catch (error) {
        assert.equal(codeOf(error), 'DISK_DAMAGED', String(error));
        return false;
      }
    };
    for (let offset = 0; offset < 600; offset++) {
      for (const value of [0, 0xff, (whole[offset] ?? 0) ^ (1 << (offset % 8))]) {
        writeAt(path, Buffer.of(value), offset);
        await readOrDamaged();
      }
      writeAt(path, whole.subarray(offset, offset + 1), offset);
    }
    assert.equal(await readOrDamaged(), true);
    for (let length = whole.length - 512; length > 0; length -= length > 600 ? 30_011 : 7) {
      truncateSync(path, length);
      assert.equal(await readOrDamaged(), false, `cut at ${length}`);
      // As long as its first cluster is there, what it is an overlay of is told.
      if (length > 65_536) assert.equal((await readQcow2(path)).backing, base);
    }
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
