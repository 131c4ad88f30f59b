import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { verifyDisk, type DiskExpectation } from '../../src/bootc/verify.js';
import { GiB, MiB } from '../../src/sizes.js';
import {
  headOf,
  makeDisk,
  makeFat,
  place,
  someContent,
  sparse,
  tool,
  types,
  withLargeSectors,
  writeAt,
  type WantedPartition,
} from '../support/disk-image.js';
import { temporaryDirectory } from '../support/temporary.js';

const expected: DiskExpectation = {
  architecture: 'x86_64',
  firmware: 'efi',
  filesystem: 'ext4',
  imageSize: 8 * MiB,
};

const espStart = 2 * MiB;
const espSize = 8 * MiB;
const rootStart = espStart + espSize;
const rootSize = 24 * MiB;
const diskSize = 36 * MiB;

const layout: readonly WantedPartition[] = [
  { type: types.biosBoot, name: 'BIOS-BOOT', size: MiB },
  { type: types.esp, name: 'EFI-SYSTEM', size: espSize },
  { type: types.rootX64, name: 'root', size: rootSize },
];

const loader = { 'EFI/BOOT/BOOTX64.EFI': 'MZ loader' };

describe('an installed disk', () => {
  /** A directory for the disks of one test, and two file systems: with 4 MiB of files, and empty. */
  let directory: string;
  let full: string;
  let empty: string;
  let count = 0;

  before(function () {
    directory = temporaryDirectory(this);
    const tree = join(directory, 'tree');
    mkdirSync(tree);
    someContent(tree, 4 * MiB);
    full = sparse(join(directory, 'full'), rootSize);
    empty = sparse(join(directory, 'empty'), rootSize);
    tool('mkfs.ext4', ['-q', '-d', tree, full]);
    tool('mkfs.ext4', ['-q', empty]);
  });

  /** A disk as bootc leaves it; what is said here is different. */
  function disk({
    partitions = layout,
    files = loader,
    root = full,
  }: {
    partitions?: readonly WantedPartition[];
    files?: Readonly<Record<string, string | Buffer>> | undefined;
    root?: string | undefined;
  } = {}): string {
    const name = join(directory, `disk-${count++}`);
    const path = makeDisk(name, diskSize, partitions);
    place(makeFat(`${name}.esp`, 12, espSize, files), path, espStart);
    place(root, path, rootStart);
    return path;
  }

  /** What is missing, in words. */
  async function missing(path: string, different: Partial<DiskExpectation> = {}): Promise<string> {
    const fault = await verifyDisk(path, { ...expected, ...different });
    assert.ok(fault, 'nothing is missed');
    assert.ok(fault.remedy);
    assert.doesNotMatch(fault.what, /[\n\r]/);
    return fault.what;
  }

  it('is believed when it has all that boots', async () => {
    assert.equal(await verifyDisk(disk(), expected), undefined);
    for (const name of ['EFI/Boot/bootx64.efi', 'efi/boot/BootX64.efi'])
      assert.equal(await verifyDisk(disk({ files: { [name]: 'MZ' } }), expected), undefined, name);
  });

  it('is believed by the loader and the root partition of its architecture', async () => {
    const partitions = layout.map((each) =>
      each.name === 'root' ? { ...each, type: types.rootArm64 } : each,
    );
    const path = disk({ partitions, files: { 'EFI/BOOT/BOOTAA64.EFI': 'MZ' } });
    assert.equal(await verifyDisk(path, { ...expected, architecture: 'aarch64' }), undefined);
    assert.match(await missing(path), /has no root partition for x86_64/);
    assert.match(
      await missing(disk({ files: { 'EFI/BOOT/BOOTAA64.EFI': 'MZ' } })),
      /no boot loader EFI\/BOOT\/BOOTX64\.EFI/,
    );
  });

  it('may have a root partition of the type of any Linux, and a small one for /boot before it', async () => {
    const partitions: WantedPartition[] = [
      { type: types.linux, name: 'boot', size: MiB },
      { type: types.esp, size: espSize },
      { type: types.linux, name: 'root', size: rootSize },
    ];
    assert.equal(await verifyDisk(disk({ partitions }), expected), undefined);
  });

  it('is not believed when nothing was written to it', async () => {
    const path = sparse(join(directory, 'nothing'), 10 * GiB);
    assert.equal(await missing(path), 'the disk has no partition table');
  });

  it('is not believed when it is gone, or something else is in its place', async () => {
    const path = join(directory, 'odd');
    assert.equal(await missing(path), 'the disk is gone');
    mkdirSync(path);
    assert.equal(await missing(path), 'the disk is no longer a regular file');
    rmSync(path, { recursive: true });
    execFileSync('mkfifo', [path]);
    assert.equal(await missing(path), 'the disk is no longer a regular file');
    rmSync(path);
    symlinkSync(path, path);
    assert.equal(await missing(path), 'the disk cannot be read (ELOOP)');
    rmSync(path);
    symlinkSync('/dev/zero', path);
    assert.equal(await missing(path), 'the disk is no longer a regular file');
  });

  it('is not believed without a root file system, or with an empty one', async () => {
    const none = sparse(join(directory, 'none'), rootSize);
    assert.equal(await missing(disk({ root: none })), 'the disk has no file system in its root partition');
    assert.match(
      await missing(disk({ root: empty })),
      /^the root file system holds .* only, of an image of 8 MiB$/,
    );
    assert.equal(
      await missing(disk({ partitions: layout.slice(0, 2) })),
      'the disk has no root partition for x86_64',
    );
  });

  it('needs a quarter of the image, and never more than 64 MiB', async () => {
    assert.equal(await verifyDisk(disk(), { ...expected, imageSize: 15 * MiB }), undefined);
    assert.match(await missing(disk(), { imageSize: 20 * MiB }), /4 MiB only, of an image of 20 MiB/);
    assert.match(await missing(disk(), { imageSize: 20 * GiB }), /4 MiB only, of an image of 20 GiB/);
    const root = sparse(join(directory, 'large'), 128 * MiB);
    tool('mkfs.ext4', ['-q', '-b', '4096', root]);
    // Fewer blocks are free: as if there were files of 66 MiB.
    const superblock = headOf(root, 2048).subarray(1024);
    superblock.writeUInt32LE(superblock.readUInt32LE(12) - (66 * MiB) / 4096, 12);
    writeAt(root, superblock, 1024);
    const path = makeDisk(join(directory, 'large-disk'), 140 * MiB, [
      { type: types.rootX64, size: 129 * MiB },
    ]);
    place(root, path, MiB);
    assert.equal(
      await missing(path, { imageSize: 20 * GiB }),
      'the disk has no EFI system partition',
      'the root file system is enough',
    );
  });

  it('is not believed with another root file system than was asked for, and says which it is', async () => {
    const fault = await verifyDisk(disk(), { ...expected, filesystem: 'xfs' });
    assert.equal(fault?.what, 'the root partition holds ext4 instead of xfs');
    assert.match(fault.remedy, /`filesystem: ext4`/);
    const lvm = join(directory, 'lvm');
    writeFileSync(lvm, Buffer.concat([Buffer.alloc(512), Buffer.from('LABELONE')]));
    const other = await verifyDisk(disk({ root: lvm }), expected);
    assert.equal(other?.what, 'the root partition holds LVM2_member instead of ext4');
    assert.doesNotMatch(other.remedy, /`filesystem/);
  });

  it('may have a root partition that is encrypted, with something in it', async () => {
    const luks = join(directory, 'luks');
    writeFileSync(
      luks,
      Buffer.concat([Buffer.from('LUKS\xba\xbe\0\x02', 'latin1'), Buffer.alloc(4 * MiB, 'x')]),
    );
    assert.equal(await verifyDisk(disk({ root: luks }), expected), undefined);
    truncateSync(luks, 4096);
    assert.match(await missing(disk({ root: luks })), /holds .* only/);
  });

  it('is not believed when its root file system is larger than its partition', async () => {
    const partitions = layout.map((each) => (each.name === 'root' ? { ...each, size: 20 * MiB } : each));
    assert.equal(
      await missing(disk({ partitions })),
      'the disk has a root file system that is larger than its partition',
    );
  });

  for (const [what, files, sentence] of [
    ['no boot loader', { 'loader/loader.conf': 'x' }, /no boot loader EFI\/BOOT\/BOOTX64\.EFI$/],
    ['nothing in it', {}, /no boot loader EFI\/BOOT\/BOOTX64\.EFI$/],
    ['a loader elsewhere', { 'EFI/fedora/grubx64.efi': 'MZ' }, /no boot loader/],
    ['a file where a directory should be', { 'EFI/BOOT': 'MZ' }, /no boot loader/],
    ['a directory where the loader should be', { 'EFI/BOOT/BOOTX64.EFI/x': 'MZ' }, /no boot loader/],
    [
      'an empty loader',
      { 'EFI/BOOT/BOOTX64.EFI': '' },
      /BOOTX64\.EFI in the EFI system partition is no EFI program/,
    ],
    ['a loader that is no program', { 'EFI/BOOT/BOOTX64.EFI': '#!/bin/sh' }, /is no EFI program/],
    [
      'shim alone',
      { ...loader, 'EFI/BOOT/fbx64.efi': 'MZ', 'EFI/fedora/shimx64.efi': 'MZ', 'EFI/fedora/mmx64.efi': 'MZ' },
      /has shim, and no boot loader that shim could start/,
    ],
  ] as [string, Record<string, string>, RegExp][]) {
    it(`is not believed with ${what} in its EFI system partition`, async () => {
      const path = disk({ files });
      assert.match(await missing(path), sentence);
      assert.match((await verifyDisk(path, expected))?.remedy ?? '', /bootupd .* systemd-boot/);
    });
  }

  for (const [what, files] of [
    [
      'shim and GRUB',
      { 'EFI/BOOT/fbx64.efi': 'MZ', 'EFI/fedora/shimx64.efi': 'MZ', 'EFI/fedora/grubx64.efi': 'MZ' },
    ],
    ['shim and a unified kernel image', { 'EFI/BOOT/fbx64.efi': 'MZ', 'EFI/Linux/6.1.efi': 'MZ' }],
    ['systemd-boot', { 'EFI/systemd/systemd-bootx64.efi': 'MZ' }],
  ] as [string, Record<string, string>][]) {
    it(`is believed with ${what} in its EFI system partition`, async () => {
      assert.equal(await verifyDisk(disk({ files: { ...loader, ...files } }), expected), undefined);
    });
  }

  it('is not believed without an EFI system partition, or without a file system in it', async () => {
    const partitions = layout.map((each) =>
      each.name === 'EFI-SYSTEM' ? { ...each, type: types.linux } : each,
    );
    assert.equal(await missing(disk({ partitions })), 'the disk has no EFI system partition');
    const path = disk();
    writeAt(path, Buffer.alloc(512), espStart);
    assert.equal(await missing(path), 'the EFI system partition holds no FAT file system');
  });

  it('needs no boot loader where bootc was told to install none: the image may bring one of its own', async () => {
    const path = disk({ files: {} });
    assert.match(await missing(path), /BOOTX64\.EFI/);
    assert.equal(await verifyDisk(path, { ...expected, firmware: undefined }), undefined);
    assert.match(await missing(disk({ files: {}, root: empty }), { firmware: undefined }), /root/);
  });

  it('needs boot code instead of a loader for a BIOS', async () => {
    const path = disk({ files: {} });
    const fault = await verifyDisk(path, { ...expected, firmware: 'bios' });
    assert.equal(fault?.what, 'the disk has no boot code for BIOS');
    assert.match(fault.remedy, /`firmware: efi`/);
    writeAt(path, Buffer.from([0xeb, 0x63]), 0);
    assert.equal(await verifyDisk(path, { ...expected, firmware: 'bios' }), undefined);
    assert.match(await missing(path), /no boot loader/);
  });

  it('partitioned in sectors that the VM does not have is not believed', async () => {
    const path = join(directory, 'large-sectors');
    writeFileSync(path, withLargeSectors(headOf(disk(), MiB)));
    truncateSync(path, 8 * diskSize);
    assert.match(
      await missing(path),
      /partitioned in sectors of 4096 bytes, and a VM's disk has sectors of 512$/,
    );
  });

  it('of which any byte is damaged, or that is cut anywhere, is an answer and never an exception', async function () {
    this.timeout(120_000);
    const path = disk();
    const copy = join(directory, 'copy');
    const head = headOf(path, 2048);
    copyFileSync(path, copy);
    for (let offset = 446; offset < head.length; offset++) {
      const bytes = Buffer.from(head);
      bytes[offset] = (bytes[offset] ?? 0) ^ (1 << (offset % 8));
      writeAt(copy, bytes, 0);
      const fault = await verifyDisk(copy, expected);
      // The header and the entries of the partitions.
      if ((offset >= 512 && offset < 512 + 92) || offset >= 1024) assert.ok(fault, String(offset));
    }
    writeAt(copy, head, 0);
    assert.equal(await verifyDisk(copy, expected), undefined);
    for (let length = diskSize - 1; length > 0; length = Math.floor(length / 1.3)) {
      truncateSync(copy, length);
      assert.ok(await verifyDisk(copy, expected), `cut at ${length}`);
    }
  });

  it('is looked at without being changed', async () => {
    const path = disk();
    const { mtimeMs } = statSync(path);
    await verifyDisk(path, expected);
    assert.equal(statSync(path).mtimeMs, mtimeMs);
  });
});
