import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readPartitionTable, type PartitionTable } from '../../src/disk/gpt.js';
import { MiB } from '../../src/sizes.js';
import {
  makeDisk,
  memory,
  rewriteTable,
  sparse,
  tool,
  types,
  withLargeSectors,
} from '../support/disk-image.js';
import { temporaryDirectory } from '../support/temporary.js';

const size = 8 * MiB;

/** A disk as bootc partitions it, without what is in the partitions. */
let sample: Buffer;

function good(): Buffer {
  return Buffer.from(sample);
}

async function tableOf(bytes: Buffer): Promise<PartitionTable> {
  const table = await readPartitionTable(memory(bytes));
  if (typeof table === 'string') assert.fail(table);
  return table;
}

async function damageOf(bytes: Buffer): Promise<string> {
  const damage = await readPartitionTable(memory(bytes));
  assert.ok(typeof damage === 'string', 'the damage is not seen');
  return damage;
}

describe('a GUID partition table', () => {
  before(function () {
    const path = makeDisk(join(temporaryDirectory(this), 'disk'), size, [
      { type: types.biosBoot, name: 'BIOS-BOOT', size: MiB },
      { type: types.esp, name: 'EFI-SYSTEM', size: 2 * MiB },
      { type: types.rootX64, name: 'root' },
    ]);
    sample = readFileSync(path);
  });

  it('is read as sfdisk wrote it', async function () {
    const { partitions, sectorSize, hasBootCode } = await tableOf(good());
    assert.deepEqual([sectorSize, hasBootCode], [512, false]);
    assert.deepEqual(
      partitions.map(({ number, type, name, content }) => [number, type, name, content.size]),
      [
        [1, types.biosBoot, 'BIOS-BOOT', MiB],
        [2, types.esp, 'EFI-SYSTEM', 2 * MiB],
        // Rounded down to what sfdisk aligns to.
        [3, types.rootX64, 'root', partitions[2]?.content.size],
      ],
    );
    assert.ok((partitions[2]?.content.size ?? 0) > 2 * MiB);
  });

  it('gives each partition its own bytes, and zeros beyond them', async function () {
    const bytes = good();
    bytes.write('first', MiB);
    bytes.write('second', 2 * MiB);
    const [first] = (await tableOf(bytes)).partitions;
    assert.equal((await first?.content.read(0, 5))?.toString(), 'first');
    assert.deepEqual(await first?.content.read(MiB - 1, 3), Buffer.alloc(3));
    assert.deepEqual(await first?.content.read(-1, 3), Buffer.alloc(3));
    assert.deepEqual(await first?.content.read(Number.MAX_VALUE, 3), Buffer.alloc(3));
  });

  it('is read where the sectors have 4096 bytes', async function () {
    const table = withLargeSectors(good());
    const { sectorSize, partitions } = await tableOf(table);
    assert.equal(sectorSize, 4096);
    assert.deepEqual(
      partitions.map(({ type, content }) => [type, content.size]),
      [
        [types.biosBoot, 8 * MiB],
        [types.esp, 16 * MiB],
        [types.rootX64, 24 * MiB],
      ],
    );
  });

  it('tells whether there is something for a BIOS to run', async function () {
    const bytes = good();
    bytes[439] = 1;
    assert.equal((await tableOf(bytes)).hasBootCode, true);
    bytes[439] = 0;
    // A disk signature is no code.
    bytes[440] = 1;
    assert.equal((await tableOf(bytes)).hasBootCode, false);
  });

  it('is missed on an empty disk, one shorter than a sector, and one with an MBR', async function () {
    for (const length of [0, 1, 511, 512, 700, size])
      assert.equal(await damageOf(Buffer.alloc(length)), 'has no partition table');
    const path = sparse(join(temporaryDirectory(this), 'disk'), size);
    tool('sfdisk', ['--quiet', path], 'label: dos\ntype=83');
    assert.equal(await damageOf(readFileSync(path)), 'has an MBR, but no GUID partition table');
  });

  it('is refused without a protective MBR, as firmware does', async function () {
    for (const offset of [446 + 4, 510, 511]) {
      const bytes = good();
      bytes[offset] = 0;
      assert.equal(await damageOf(bytes), 'has a GUID partition table without a protective MBR');
    }
  });

  it('is refused with any bit of header or entries changed', async function () {
    const bytes = good();
    for (let offset = 512; offset < 1024 + 128 * 128; offset++) {
      // Behind the header, its sector is reserved.
      if (offset === 512 + 92) offset = 1024;
      const bit = 1 << (offset % 8);
      bytes[offset] = (bytes[offset] ?? 0) ^ bit;
      assert.match(await damageOf(bytes), /^has (a damaged partition table: |an MBR, but )/, String(offset));
      bytes[offset] = (bytes[offset] ?? 0) ^ bit;
    }
    await tableOf(bytes);
  });

  it('is refused wherever the disk was cut', async function () {
    const bytes = good();
    for (let length = 0; length < bytes.length; length += length < 20_000 ? 257 : 65_536)
      assert.match(await damageOf(bytes.subarray(0, length)), /^has /, String(length));
  });

  for (const [what, change, expected] of [
    ['a header that is too long', (header) => header.writeUInt32LE(513, 12), /header has 513 bytes/],
    ['entries that are too short', (header) => header.writeUInt32LE(16, 84), /128 entries of 16 bytes/],
    [
      'more entries than any tool makes',
      (header) => header.writeUInt32LE(0xffffffff, 80),
      /4294967295 entries/,
    ],
    ['entries beyond the end', (header) => header.writeBigUInt64LE(2n ** 63n, 72), /checksum of its entries/],
    ['the header of the table at the end', (header) => header.writeBigUInt64LE(99n, 24), /belongs elsewhere/],
    ['a disk that was longer', (header) => header.writeBigUInt64LE(10n ** 9n, 32), /shorter than it says/],
    [
      'a partition that ends before it begins',
      (_, entries) => entries.writeBigUInt64LE(0n, 40),
      /partition 1 lies/,
    ],
    ['a partition in the table', (_, entries) => entries.writeBigUInt64LE(2n, 32), /partition 1 lies/],
    [
      'a partition beyond the end',
      (_, entries) => entries.writeBigUInt64LE(2n ** 64n - 1n, 128 + 40),
      /partition 2 lies/,
    ],
  ] as [string, (header: Buffer, entries: Buffer) => void, RegExp][]) {
    it(`is refused with ${what}, though its checksums are right`, async function () {
      assert.match(await damageOf(rewriteTable(good(), change)), expected);
    });
  }

  it('is not harmed by a name of any bytes', async function () {
    const bytes = rewriteTable(good(), (_, entries) => entries.fill(0xd8, 56, 128));
    assert.equal((await tableOf(bytes)).partitions.length, 3);
  });
});
