import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ByteSource } from '../../src/disk/byte-source.js';
import { FatFileSystem } from '../../src/disk/fat.js';
import { KiB, MiB } from '../../src/sizes.js';
import { makeFat, memory } from '../support/disk-image.js';
import { temporaryDirectory } from '../support/temporary.js';

const kinds = [
  [12, 1440 * KiB],
  [16, 16 * MiB],
  [32, 34 * MiB],
] as const;

async function open(bytes: Buffer): Promise<FatFileSystem> {
  const fileSystem = await FatFileSystem.open(memory(bytes));
  assert.ok(fileSystem, 'not recognised');
  return fileSystem;
}

/** Reads all that a verification reads. */
async function explore(source: ByteSource): Promise<void> {
  const fileSystem = await FatFileSystem.open(source);
  if (!fileSystem) return;
  const loader = await fileSystem.find('EFI', 'BOOT', 'BOOTX64.EFI');
  if (loader) await fileSystem.head(loader, 2);
  for (const entry of await fileSystem.list()) await fileSystem.list(entry);
}

for (const [bits, size] of kinds) {
  describe(`a FAT${bits} file system`, () => {
    const make = (context: Mocha.Context, files: Readonly<Record<string, string>>): Buffer =>
      readFileSync(makeFat(join(temporaryDirectory(context), 'fat'), bits, size, files));

    it('is read as mtools wrote it, whatever the case', async function () {
      const fileSystem = await open(
        make(this, {
          'EFI/BOOT/BOOTX64.EFI': 'MZ loader',
          'EFI/fedora/A Long Name With Spaces ü.efi': 'x'.repeat(9000),
          'EFI/fedora/empty': '',
          'loader/entries/x.conf': 'y',
        }),
      );
      const loader = await fileSystem.find('efi', 'Boot', 'bootx64.EFI');
      assert.deepEqual([loader?.isDirectory, loader?.size], [false, 9]);
      assert.ok(loader);
      assert.equal((await fileSystem.head(loader, 100)).toString(), 'MZ loader');
      const directory = await fileSystem.find('EFI', 'FEDORA');
      assert.deepEqual(
        (await fileSystem.list(directory)).map(({ name, size: length }) => [name, length]).sort(),
        [
          ['.', 0],
          ['..', 0],
          ['A Long Name With Spaces ü.efi', 9000],
          // A short name's lower case is a bit that nobody needs.
          ['EMPTY', 0],
        ],
      );
      const empty = await fileSystem.find('EFI', 'fedora', 'empty');
      assert.ok(empty);
      assert.equal((await fileSystem.head(empty, 2)).length, 0);
      assert.equal(await fileSystem.find('EFI', 'BOOT', 'BOOTAA64.EFI'), undefined);
      assert.equal(await fileSystem.find('EFI', 'BOOT', 'BOOTX64.EFI', 'beyond'), undefined);
      // The label is an entry of the root directory, and no file.
      assert.equal(await fileSystem.find('EFI-SYSTEM'), undefined);
    });

    it('is read where a directory takes more than one cluster', async function () {
      const files = Object.fromEntries(
        Array.from({ length: 150 }, (_, index) => [`EFI/many/a rather long name, number ${index}.efi`, '']),
      );
      const fileSystem = await open(make(this, { ...files, 'EFI/many/last.efi': 'MZ' }));
      const last = await fileSystem.find('EFI', 'many', 'LAST.EFI');
      assert.equal(last?.size, 2);
      assert.equal((await fileSystem.list(await fileSystem.find('EFI', 'many'))).length, 153);
    });

    it('does not show what was deleted', async function () {
      const bytes = make(this, { 'EFI/BOOT/BOOTX64.EFI': 'MZ' });
      bytes[bytes.indexOf('BOOTX64 EFI')] = 0xe5;
      assert.equal(await (await open(bytes)).find('EFI', 'BOOT', 'BOOTX64.EFI'), undefined);
    });

    it('whose directories run in circles is read to an end', async function () {
      const bytes = make(this, { 'EFI/BOOT/BOOTX64.EFI': 'MZ' });
      const fileSystem = await open(bytes);
      const directory = await fileSystem.find('EFI', 'BOOT');
      assert.ok(directory);
      // Every cluster is followed by that of the directory, which is full of deleted entries.
      const { cluster } = directory;
      const fat = bytes.readUInt16LE(14) * 512;
      const start = bytes.indexOf('BOOTX64 EFI') - 64;
      for (let offset = start; offset < start + bytes.readUInt8(13) * 512; offset += 32) bytes[offset] = 0xe5;
      if (bits === 12) {
        const at = fat + cluster + (cluster >> 1);
        const old = bytes.readUInt16LE(at);
        bytes.writeUInt16LE(cluster % 2 === 0 ? (old & 0xf000) | cluster : (old & 0xf) | (cluster << 4), at);
      } else if (bits === 16) bytes.writeUInt16LE(cluster, fat + 2 * cluster);
      else bytes.writeUInt32LE(cluster, fat + 4 * cluster);
      assert.deepEqual(await (await open(bytes)).list(directory), []);
    });

    it('is read to an end, and only within itself, with any byte of it changed', async function () {
      this.timeout(120_000);
      const bytes = make(this, { 'EFI/BOOT/BOOTX64.EFI': 'MZ', 'EFI/fedora/A Long Name.efi': 'MZ' });
      const fat = bytes.readUInt16LE(14) * 512;
      // Boot sector, the first FAT, and all directories up to the last name.
      const ranges = [
        [0, 128],
        [fat, fat + 32],
        ...['EFI        ', 'BOOT       ', 'BOOTX64 EFI', 'FEDORA     ', 'ALONGN~1EFI'].map((name) => {
          const at = bytes.indexOf(name);
          assert.ok(at > 0, name);
          return [at - 64, at + 64] as const;
        }),
      ] as const;
      for (const [from, to] of ranges) {
        for (let offset = from; offset < to; offset++) {
          const original = bytes[offset] ?? 0;
          for (const value of [0, 0xff, original ^ (1 << (offset % 8))]) {
            bytes[offset] = value;
            await explore(memory(bytes));
          }
          bytes[offset] = original;
        }
      }
    });

    it('is read to an end, and only within itself, wherever it was cut', async function () {
      const bytes = make(this, { 'EFI/BOOT/BOOTX64.EFI': 'MZ' });
      const last = bytes.indexOf('BOOTX64 EFI') + 4096;
      for (let length = 0; length < last; length += length < 4096 ? 61 : 4099) {
        const rest = memory(bytes.subarray(0, length));
        await explore(rest);
        // The same where the partition is whole, and the file is not.
        await explore({ size: bytes.length, read: rest.read });
      }
    });
  });
}

describe('a FAT file system', () => {
  it('is not seen where there is none', async () => {
    for (const length of [0, 1, 511, 512, MiB])
      assert.equal(await FatFileSystem.open(memory(Buffer.alloc(length))), undefined);
    assert.equal(await FatFileSystem.open(memory(Buffer.alloc(MiB, 0xff))), undefined);
  });
});
