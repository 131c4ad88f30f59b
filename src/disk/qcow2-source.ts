import { inflateRawSync } from 'node:zlib';
import type { ByteSource } from './byte-source.js';
import { beginsAsQcow2 } from './qcow2.js';

// The layout of tables and clusters: docs/interop/qcow2.txt of QEMU.
const headerLength = 112;
/** Bits of the incompatible features with which a cluster can still be found: dirty, corrupt, compression type. */
const understood = 0xbn;
const offsetMask = 0x00fffffffffffe00n;
const compressedBit = 1n << 62n;
const zeroBit = 1n;

/**
 * What a qcow2 image has for a guest, to be looked into without a process. What cannot be had of it (a cluster that is
 * compressed otherwise than by deflate, or damaged) are zeros, as in a hole: as of every source, structures are then not there.
 * @param below what it is an overlay of
 * @returns undefined for an image that cannot be read so: an encrypted one, say
 */
export async function qcow2Source(
  file: ByteSource,
  below: ByteSource | undefined,
): Promise<ByteSource | undefined> {
  const header = await file.read(0, headerLength);
  const version = header.readUInt32BE(4);
  if (!beginsAsQcow2(header) || header.readUInt32BE(32) !== 0) return undefined;
  const features = version === 2 ? 0n : header.readBigUInt64BE(72);
  const clusterBits = header.readUInt32BE(20);
  if ((features & ~understood) !== 0n || clusterBits < 9 || clusterBits > 21) return undefined;
  const size = Number(header.readBigUInt64BE(24));
  const clusterSize = 2 ** clusterBits;
  const isDeflated = (features & 8n) === 0n || header[104] === 0;
  const tables = { start: Number(header.readBigUInt64BE(40)), length: header.readUInt32BE(36) };

  const entryAt = async (offset: number): Promise<bigint> => (await file.read(offset, 8)).readBigUInt64BE();

  const inflate = async (entry: bigint): Promise<Buffer> => {
    const offsetBits = BigInt(62 - (clusterBits - 8));
    const offset = Number(entry & ((1n << offsetBits) - 1n));
    const sectors = Number((entry & (compressedBit - 1n)) >> offsetBits) + 1;
    const compressed = await file.read(offset, sectors * 512 - (offset % 512));
    const cluster = Buffer.alloc(clusterSize);
    try {
      if (isDeflated) inflateRawSync(compressed, { maxOutputLength: clusterSize }).copy(cluster);
    } catch {
      // Zeros, then.
    }
    return cluster;
  };

  const readCluster = async (cluster: number, from: number, length: number): Promise<Buffer> => {
    const entries = clusterSize / 8;
    const index = Math.floor(cluster / entries);
    const table = index < tables.length ? Number((await entryAt(tables.start + 8 * index)) & offsetMask) : 0;
    const entry = table === 0 ? 0n : await entryAt(table + 8 * (cluster % entries));
    if ((entry & compressedBit) !== 0n) return (await inflate(entry)).subarray(from, from + length);
    if ((entry & zeroBit) !== 0n) return Buffer.alloc(length);
    const start = Number(entry & offsetMask);
    if (start !== 0) return file.read(start + from, length);
    return below ? below.read(cluster * clusterSize + from, length) : Buffer.alloc(length);
  };

  return {
    size,
    read: async (offset, length) => {
      const buffer = Buffer.alloc(length);
      if (!Number.isSafeInteger(offset) || offset < 0) return buffer;
      for (let done = 0; done < length && offset + done < size;) {
        const from = (offset + done) % clusterSize;
        const count = Math.min(clusterSize - from, length - done, size - offset - done);
        const cluster = Math.floor((offset + done) / clusterSize);
        (await readCluster(cluster, from, count)).copy(buffer, done);
        done += count;
      }
      return buffer;
    },
  };
}
