import type { ByteSource } from './byte-source.js';

// The layout: "Microsoft Extensible Firmware Initiative FAT32 File System Specification" 1.03, and chapter 13.3 of the
// UEFI Specification 2.10, which refers to it.

/** A file or directory of a FAT file system. */
export interface FatEntry {
  /** The long name where there is one, else the short one. */
  name: string;
  isDirectory: boolean;
  /** Bytes of a file; 0 for a directory. */
  size: number;
  /** Where it begins; 0 for what is empty. */
  cluster: number;
}

/** Entries that a directory may have by the specification, each of 32 bytes. */
const mostEntries = 65_536;
const entryLength = 32;
const attributes = { volumeLabel: 0x08, directory: 0x10, longName: 0x0f };

/** A FAT12, FAT16 or FAT32 file system, to be read. Whatever its bytes are, reading it ends, and throws nothing. */
export class FatFileSystem {
  readonly #source: ByteSource;
  readonly #type: 12 | 16 | 32;
  readonly #sectorSize: number;
  readonly #clusterSize: number;
  readonly #fat: number;
  readonly #root: { offset: number; length: number } | { cluster: number };
  readonly #data: number;
  readonly #clusters: number;

  private constructor(source: ByteSource, boot: Buffer) {
    this.#source = source;
    this.#sectorSize = boot.readUInt16LE(11);
    this.#clusterSize = boot.readUInt8(13) * this.#sectorSize;
    const sectors = boot.readUInt16LE(19) || boot.readUInt32LE(32);
    const smallFat = boot.readUInt16LE(22);
    this.#fat = boot.readUInt16LE(14) * this.#sectorSize;
    const fatLength = (smallFat || boot.readUInt32LE(36)) * this.#sectorSize;
    const rootOffset = this.#fat + boot.readUInt8(16) * fatLength;
    const rootLength = Math.ceil((boot.readUInt16LE(17) * entryLength) / this.#sectorSize) * this.#sectorSize;
    this.#data = rootOffset + rootLength;
    this.#clusters = Math.floor((sectors * this.#sectorSize - this.#data) / this.#clusterSize);
    // As firmware tells them apart (EDK II, FatPkg): by the field that only FAT32 leaves at 0, then by number of clusters.
    this.#type = smallFat === 0 ? 32 : this.#clusters < 4085 ? 12 : 16;
    this.#root =
      this.#type === 32 ? { cluster: boot.readUInt32LE(44) } : { offset: rootOffset, length: rootLength };
  }

  /** @returns the file system, undefined where there is none or one that reaches beyond the source */
  static async open(source: ByteSource): Promise<FatFileSystem | undefined> {
    const boot = await source.read(0, 512);
    const sectorSize = boot.readUInt16LE(11);
    const sectorsPerCluster = boot.readUInt8(13);
    const sectors = boot.readUInt16LE(19) || boot.readUInt32LE(32);
    if (
      boot.readUInt16LE(510) !== 0xaa55 ||
      ![512, 1024, 2048, 4096].includes(sectorSize) ||
      ![1, 2, 4, 8, 16, 32, 64, 128].includes(sectorsPerCluster) ||
      boot.readUInt16LE(14) === 0 ||
      boot.readUInt8(16) === 0 ||
      (boot.readUInt16LE(22) || boot.readUInt32LE(36)) === 0 ||
      sectors * sectorSize > source.size
    )
      return undefined;
    const fileSystem = new FatFileSystem(source, boot);
    return fileSystem.#clusters > 0 ? fileSystem : undefined;
  }

  /** What is in a directory; by default in the root directory. */
  async list(directory?: FatEntry): Promise<FatEntry[]> {
    const content =
      directory === undefined && 'offset' in this.#root
        ? await this.#source.read(this.#root.offset, this.#root.length)
        : await this.#readChain(directory?.cluster ?? ('cluster' in this.#root ? this.#root.cluster : 0));
    return parseDirectory(content);
  }

  /** What a path leads to, whatever its case, as firmware looks for it. */
  async find(...path: string[]): Promise<FatEntry | undefined> {
    let found: FatEntry | undefined;
    for (const name of path) {
      if (found !== undefined && !found.isDirectory) return undefined;
      const wanted = name.toUpperCase();
      found = (await this.list(found)).find((entry) => entry.name.toUpperCase() === wanted);
      if (found === undefined) return undefined;
    }
    return found;
  }

  /** The first bytes of a file: so many, or as many as it has, and at most those of one sector. */
  async head(file: FatEntry, length: number): Promise<Buffer> {
    if (!this.#isData(file.cluster)) return Buffer.alloc(0);
    return this.#source.read(this.#offset(file.cluster), Math.min(length, file.size, this.#sectorSize));
  }

  /** A directory's clusters one after the other: as many as a directory may have, so that a chain may run in circles. */
  async #readChain(first: number): Promise<Buffer> {
    const most = Math.ceil((mostEntries * entryLength) / this.#clusterSize);
    const pieces: Buffer[] = [];
    let cluster = first;
    while (this.#isData(cluster) && pieces.length < most) {
      const piece = await this.#source.read(this.#offset(cluster), this.#clusterSize);
      pieces.push(piece);
      if (hasEnd(piece)) break;
      cluster = await this.#next(cluster);
    }
    return Buffer.concat(pieces);
  }

  #isData(cluster: number): boolean {
    return cluster >= 2 && cluster < this.#clusters + 2;
  }

  #offset(cluster: number): number {
    return this.#data + (cluster - 2) * this.#clusterSize;
  }

  /** The cluster behind another; every end of a chain and every mark is a number that no cluster has. */
  async #next(cluster: number): Promise<number> {
    if (this.#type === 32)
      return (await this.#source.read(this.#fat + cluster * 4, 4)).readUInt32LE() & 0x0fffffff;
    if (this.#type === 16) return (await this.#source.read(this.#fat + cluster * 2, 2)).readUInt16LE();
    const two = (await this.#source.read(this.#fat + cluster + (cluster >> 1), 2)).readUInt16LE();
    return cluster % 2 === 0 ? two & 0xfff : two >> 4;
  }
}

/** Whether the entry behind the last one is in these bytes: its first byte is 0. */
function hasEnd(piece: Buffer): boolean {
  for (let offset = 0; offset < piece.length; offset += entryLength) if (piece[offset] === 0) return true;
  return false;
}

function parseDirectory(content: Buffer): FatEntry[] {
  const entries: FatEntry[] = [];
  // A long name precedes its entry, last part first.
  let parts: string[] = [];
  let sum: number | undefined;
  for (let offset = 0; offset + entryLength <= content.length; offset += entryLength) {
    const entry = content.subarray(offset, offset + entryLength);
    const kind = entry.readUInt8(11);
    if (entry[0] === 0) break;
    if (entry[0] !== 0xe5 && (kind & 0x3f) === attributes.longName) {
      if (sum !== entry[13]) parts = [];
      sum = entry[13];
      parts.unshift(longPart(entry));
      continue;
    }
    const long = sum === checksum(entry) ? parts.join('').replace(/\0.*$/s, '') : '';
    parts = [];
    sum = undefined;
    if (entry[0] === 0xe5 || (kind & attributes.volumeLabel) !== 0) continue;
    entries.push({
      name: long || shortName(entry),
      isDirectory: (kind & attributes.directory) !== 0,
      size: entry.readUInt32LE(28),
      cluster: entry.readUInt16LE(20) * 0x10000 + entry.readUInt16LE(26),
    });
  }
  return entries;
}

function longPart(entry: Buffer): string {
  return [entry.subarray(1, 11), entry.subarray(14, 26), entry.subarray(28, 32)]
    .map((bytes) => bytes.toString('utf16le'))
    .join('');
}

/** What binds a long name to the short one that it belongs to. */
function checksum(entry: Buffer): number {
  return entry.subarray(0, 11).reduce((sum, byte) => (((sum & 1) << 7) + (sum >> 1) + byte) & 0xff, 0);
}

function shortName(entry: Buffer): string {
  const text = (from: number, to: number): string => entry.toString('latin1', from, to).trimEnd();
  const extension = text(8, 11);
  return extension === '' ? text(0, 8) : `${text(0, 8)}.${extension}`;
}
