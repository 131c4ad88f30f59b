import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { part, type ByteSource } from '../../src/disk/byte-source.js';
import { MiB } from '../../src/sizes.js';

/** Types of partitions, as sfdisk takes them. */
export const types = {
  biosBoot: '21686148-6449-6E6F-744E-656564454649',
  esp: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B',
  rootX64: '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709',
  rootArm64: 'B921B045-1DF0-41C3-AF44-4C6F280D3FAE',
  linux: '0FC63DAF-8483-4772-8E79-3D69D8477DE4',
};

/** Runs a tool for disks, which may be in sbin. */
export function tool(program: string, args: readonly string[], input?: string | Buffer): string {
  return execFileSync(program, args, {
    encoding: 'utf8',
    input: input ?? '',
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      ...process.env,
      PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin`,
      MTOOLSRC: '/dev/null',
      MTOOLS_SKIP_CHECK: '1',
    },
  });
}

/** Makes a sparse file of zeros. */
export function sparse(path: string, size: number): string {
  writeFileSync(path, '');
  truncateSync(path, size);
  return path;
}

/** Writes bytes into a file at a place. */
export function writeAt(path: string, bytes: Buffer, offset: number): void {
  const file = openSync(path, 'r+');
  writeSync(file, bytes, 0, bytes.length, offset);
  closeSync(file);
}

/** Writes a file into another at a whole number of MiB, without filling holes. */
export function place(from: string, into: string, offset: number): void {
  tool('dd', [
    `if=${from}`,
    `of=${into}`,
    'bs=1M',
    `seek=${offset / MiB}`,
    'conv=sparse,notrunc',
    'status=none',
  ]);
}

/** Makes a FAT file system of the size that has these files, with the directories above them. */
export function makeFat(
  path: string,
  bits: 12 | 16 | 32,
  size: number,
  files: Readonly<Record<string, string | Buffer>>,
): string {
  tool('mkfs.vfat', ['-F', String(bits), '-n', 'EFI-SYSTEM', '-C', path, String(size / 1024)]);
  const tree = `${path}.tree`;
  mkdirSync(tree);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(tree, name)), { recursive: true });
    writeFileSync(join(tree, name), content);
  }
  const names = readdirSync(tree).map((name) => join(tree, name));
  if (names.length > 0) tool('mcopy', ['-s', '-i', path, ...names, '::/']);
  return path;
}

/** A partition to be made. */
export interface WantedPartition {
  type: string;
  name?: string;
  /** Bytes, a whole number of MiB; without it, what is left. */
  size?: number;
}

/** Makes a disk with a GUID partition table; the first partition begins at 1 MiB, and the next where it ends. */
export function makeDisk(path: string, size: number, partitions: readonly WantedPartition[]): string {
  sparse(path, size);
  const lines = partitions.map(({ type, name, size: length }) =>
    [
      `type=${type}`,
      ...(name === undefined ? [] : [`name="${name}"`]),
      ...(length === undefined ? [] : [`size=${length / MiB}MiB`]),
    ].join(', '),
  );
  tool('sfdisk', ['--quiet', path], ['label: gpt', ...lines].join('\n'));
  return path;
}

/** A copy of a disk whose table is changed in one place, with checksums that are right. */
export function rewriteTable(
  disk: Buffer,
  change: (header: Buffer, entries: Buffer) => void,
  sectorSize = 512,
): Buffer {
  const copy = Buffer.from(disk);
  const header = copy.subarray(sectorSize, sectorSize + 92);
  const entries = copy.subarray(2 * sectorSize, 2 * sectorSize + 128 * 128);
  change(header, entries);
  header.writeUInt32LE(crc32(entries), 88);
  header.writeUInt32LE(0, 16);
  header.writeUInt32LE(crc32(header), 16);
  return copy;
}

/**
 * A disk as if it had been partitioned in sectors of 4096 bytes, which sfdisk does on devices that have them: the table
 * lies elsewhere, and all numbers in it mean more bytes. It is longer by as much.
 */
export function withLargeSectors(disk: Buffer): Buffer {
  const large = Buffer.alloc(disk.length * 8);
  disk.copy(large, 0, 0, 512);
  disk.copy(large, 4096, 512, 1024);
  disk.copy(large, 8192, 1024, 1024 + 128 * 128);
  return large;
}

/** Bytes in memory as a source; reading beyond them is a failure. */
export function memory(bytes: Buffer): ByteSource {
  const whole: ByteSource = {
    size: bytes.length,
    read: (offset, length) => {
      assert.ok(offset >= 0 && offset + length <= bytes.length, `read ${length} bytes at ${offset}`);
      return Promise.resolve(Buffer.from(bytes.subarray(offset, offset + length)));
    },
  };
  return part(whole, 0, bytes.length);
}

/** The first bytes of a file. */
export function headOf(path: string, length: number): Buffer {
  const file = openSync(path, 'r');
  const bytes = Buffer.alloc(length);
  readSync(file, bytes, 0, length, 0);
  closeSync(file);
  return bytes;
}

/** A file of a VM's root file system. */
export function someContent(directory: string, size: number): string {
  const path = join(directory, 'content');
  writeFileSync(path, Buffer.alloc(size, 'content '));
  return path;
}

/** Makes a disk of 1 MiB with an MBR that a BIOS would run. */
export function writeMbr(path: string): string {
  sparse(path, MiB);
  writeAt(path, Buffer.from([0xeb, 0xfe]), 0);
  writeAt(path, Buffer.from([0x55, 0xaa]), 510);
  return path;
}
