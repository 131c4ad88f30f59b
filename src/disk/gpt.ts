import { crc32 } from 'node:zlib';
import { part, type ByteSource } from './byte-source.js';

// The layout of both tables: UEFI Specification 2.10, chapter 5.

/** A partition of a GUID partition table. */
export interface Partition {
  /** From 1, as the kernel counts. */
  number: number;
  /** The type's GUID, in upper case. */
  type: string;
  name: string;
  content: ByteSource;
}

/** What the beginning of a disk says of it. */
export interface PartitionTable {
  /** Bytes of a sector, as whoever wrote the table saw the disk: 512 or 4096. */
  sectorSize: number;
  /** By number; unused entries are left out. */
  partitions: Partition[];
  /** Whether there is code for a BIOS to run in the first sector. */
  hasBootCode: boolean;
}

export const mbrLength = 512;
/** Of the master boot record, what a BIOS runs; a disk signature and the partition table follow. */
const bootCodeLength = 440;
const protectiveType = 0xee;
const smallestHeader = 92;
const smallestEntry = 128;
/** What all tools write is 16 KiB; larger tables are refused unread. */
const largestTable = 1024 * 1024;

/**
 * Reads the partition table at the beginning of a disk. What firmware and kernel would reject is rejected: a missing
 * protective MBR, checksums that do not fit, partitions that lie outside of the disk.
 * @returns the table, or what is wrong with it, to be said of the disk: `has no partition table`
 */
export async function readPartitionTable(disk: ByteSource): Promise<PartitionTable | string> {
  const mbr = await disk.read(0, mbrLength);
  let damage: string | undefined;
  for (const sectorSize of [512, 4096]) {
    const partitions = await readPartitions(disk, sectorSize);
    if (partitions === undefined) continue;
    if (typeof partitions !== 'string') {
      if (!isProtective(mbr)) return 'has a GUID partition table without a protective MBR';
      return {
        sectorSize,
        partitions,
        hasBootCode: hasBootCode(mbr),
      };
    }
    damage ??= partitions;
  }
  if (damage !== undefined) return `has a damaged partition table: ${damage}`;
  return isSigned(mbr) ? 'has an MBR, but no GUID partition table' : 'has no partition table';
}

/** Whether there is code in the first sector for a BIOS to run. */
export function hasBootCode(mbr: Buffer): boolean {
  return mbr.subarray(0, bootCodeLength).some((byte) => byte !== 0);
}

/** Whether the first sector ends as a master boot record does. */
export function isSigned(mbr: Buffer): boolean {
  return mbr.readUInt16LE(510) === 0xaa55;
}

/** Whether a master boot record only says that there is a GUID partition table. */
export function isProtective(mbr: Buffer): boolean {
  return isSigned(mbr) && [0, 1, 2, 3].some((slot) => mbr[446 + 16 * slot + 4] === protectiveType);
}

/** The partitions of the table for sectors of this size; undefined where none is, words where it is damaged. */
async function readPartitions(
  disk: ByteSource,
  sectorSize: number,
): Promise<Partition[] | string | undefined> {
  const sector = await disk.read(sectorSize, sectorSize);
  if (sector.toString('latin1', 0, 8) !== 'EFI PART') return undefined;
  const headerLength = sector.readUInt32LE(12);
  if (headerLength < smallestHeader || headerLength > sectorSize)
    return `its header has ${headerLength} bytes`;
  const header = Buffer.from(sector.subarray(0, headerLength));
  const checksum = header.readUInt32LE(16);
  header.writeUInt32LE(0, 16);
  if (crc32(header) !== checksum) return 'the checksum of its header is wrong';
  const lba = (offset: number): number => Number(header.readBigUInt64LE(offset));
  const lastSector = Math.floor(disk.size / sectorSize) - 1;
  if (lba(24) !== 1) return 'its header belongs elsewhere';
  if (lba(32) > lastSector) return 'the disk is shorter than it says';
  const [firstUsable, lastUsable] = [lba(40), lba(48)];
  const count = header.readUInt32LE(80);
  const entryLength = header.readUInt32LE(84);
  if (entryLength < smallestEntry || entryLength % 8 !== 0 || count * entryLength > largestTable)
    return `it has ${count} entries of ${entryLength} bytes`;
  const table = await disk.read(lba(72) * sectorSize, count * entryLength);
  if (crc32(table) !== header.readUInt32LE(88)) return 'the checksum of its entries is wrong';
  const partitions: Partition[] = [];
  for (let index = 0; index < count; index++) {
    const entry = table.subarray(index * entryLength, (index + 1) * entryLength);
    if (entry.subarray(0, 16).every((byte) => byte === 0)) continue;
    const first = Number(entry.readBigUInt64LE(32));
    const last = Number(entry.readBigUInt64LE(40));
    if (first < firstUsable || last < first || last > lastUsable || last > lastSector)
      return `partition ${index + 1} lies outside of the disk`;
    partitions.push({
      number: index + 1,
      type: guidOf(entry),
      name: entry.toString('utf16le', 56, smallestEntry).replace(/\0.*$/s, ''),
      content: part(disk, first * sectorSize, (last - first + 1) * sectorSize),
    });
  }
  return partitions;
}

/** The first three fields of a GUID are little-endian, the others are bytes. */
function guidOf(bytes: Buffer): string {
  const first = Buffer.from(bytes.subarray(0, 8));
  first.subarray(0, 4).reverse();
  first.subarray(4, 6).reverse();
  first.subarray(6, 8).reverse();
  const hex = first.toString('hex') + bytes.toString('hex', 8, 16);
  return hex.toUpperCase().replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
