import { chmod, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { codeOf, PodmanBootcError } from '../errors.js';
import { runProcess } from '../process.js';
import { openWithoutWaiting, readFully } from './byte-source.js';

/** What the header of a qcow2 image says. */
export interface Qcow2Header {
  /** What it is an overlay of, as written in it; undefined for an image that stands alone. */
  backing: string | undefined;
  /** Format of what it is an overlay of; where it is not written down, QEMU would guess, by what a guest wrote there. */
  backingFormat: string | undefined;
  /** Bytes that the guest sees. */
  virtualSize: number;
  isEncrypted: boolean;
  /** Why a VM cannot use it, though the above could be read; undefined when all is well. */
  damage: string | undefined;
}

// The layout of a header: docs/interop/qcow2.txt of QEMU.
const magic = Buffer.from('QFI\xfb', 'latin1');
const shortHeader = 72;
const headerLength = 104;
const longestBackingName = 1023;
const dataFileBit = 0x4;
const backingFormatExtension = 0xe2792aca;
/** QEMU writes extensions of some hundred bytes. */
const extensionsLength = 64 * 1024;

/** Whether bytes are the beginning of a qcow2 image. */
export function beginsAsQcow2(bytes: Buffer): boolean {
  return bytes.subarray(0, magic.length).equals(magic);
}

/**
 * Reads the header of a qcow2 image, without a process. Whatever is at the path, reading it ends. What it is an overlay of
 * is told wherever it can be read, for as long as it is there somebody may need that.
 * @throws PodmanBootcError `DISK_DAMAGED` when it is none; `ENOENT`, `EACCES` and the like as they come
 */
export async function readQcow2(path: string): Promise<Qcow2Header> {
  try {
    await using file = await openWithoutWaiting(path);
    const status = await file.stat();
    if (!status.isFile() && !status.isBlockDevice()) throw damaged(path, 'it is no file');
    const beginning = Buffer.alloc(extensionsLength);
    const length = await readFully(file, beginning, 0);
    const header = parseHeader(path, beginning.subarray(0, length));
    const { backing, tables } = header;
    // A block device says 0.
    const size = status.isFile() ? status.size : Infinity;
    const cut = tables.some((end) => end > size) ? 'it is shorter than its tables' : undefined;
    let name: string | undefined;
    if (backing) {
      const bytes = Buffer.alloc(backing.length);
      if ((await readFully(file, bytes, backing.offset)) < bytes.length || bytes.includes(0))
        throw damaged(path, 'the name of what it is an overlay of lies outside of it');
      name = bytes.toString('utf8');
    }
    const { backingFormat, virtualSize, isEncrypted, damage } = header;
    return { backing: name, backingFormat, virtualSize, isEncrypted, damage: damage ?? cut };
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ELOOP' || code === 'ENXIO' || code === 'EIO' || code === 'ENAMETOOLONG')
      throw damaged(path, `it cannot be read (${code})`, error);
    throw error;
  }
}

/** @param bytes the beginning of the image: all of it, or 64 KiB */
function parseHeader(
  path: string,
  bytes: Buffer,
): Omit<Qcow2Header, 'backing'> & {
  backing: { offset: number; length: number } | undefined;
  /** Where its tables end, in bytes. */
  tables: number[];
} {
  if (bytes.length < shortHeader || !beginsAsQcow2(bytes)) throw damaged(path, 'it does not begin as one');
  const number = (offset: number): number => Number(bytes.readBigUInt64BE(offset));
  const version = bytes.readUInt32BE(4);
  if (version !== 2 && version !== 3) throw damaged(path, `its version is ${version}`);
  if (version === 3 && bytes.length < headerLength) throw damaged(path, 'its header is cut');
  const clusterBits = bytes.readUInt32BE(20);
  if (clusterBits < 9 || clusterBits > 21) throw damaged(path, `its clusters have 2^${clusterBits} bytes`);
  const clusterSize = 2 ** clusterBits;
  const extensions = version === 3 ? bytes.readUInt32BE(100) : shortHeader;
  const virtualSize = number(24);
  const offset = number(8);
  const length = bytes.readUInt32BE(16);
  // QEMU wants the name in the first cluster, too (block/qcow2.c).
  if (offset !== 0 && (length === 0 || length > longestBackingName || offset + length > clusterSize))
    throw damaged(path, 'the name of what it is an overlay of lies outside of it');
  return {
    backing: offset === 0 ? undefined : { offset, length },
    backingFormat: findExtension(
      bytes.subarray(0, offset || clusterSize),
      extensions,
      backingFormatExtension,
    ),
    virtualSize,
    isEncrypted: bytes.readUInt32BE(32) !== 0,
    damage:
      extensions < shortHeader || extensions > clusterSize
        ? `its header has ${extensions} bytes`
        : !Number.isSafeInteger(virtualSize)
          ? `its size is ${virtualSize} bytes`
          : version === 3 && (bytes.readUInt32BE(76) & dataFileBit) !== 0
            ? 'its data lies in another file'
            : undefined,
    tables: [number(40) + 8 * bytes.readUInt32BE(36), number(48) + clusterSize * bytes.readUInt32BE(56)],
  };
}

/** The text of a header extension: type, length, and data in whole words of 8 bytes. */
function findExtension(bytes: Buffer, start: number, wanted: number): string | undefined {
  let offset = start;
  while (offset + 8 <= bytes.length) {
    const type = bytes.readUInt32BE(offset);
    const length = bytes.readUInt32BE(offset + 4);
    if (type === 0) return undefined;
    if (type === wanted) return bytes.toString('latin1', offset + 8, offset + 8 + Math.min(length, 64));
    offset += 8 + Math.ceil(length / 8) * 8;
  }
  return undefined;
}

/**
 * Checks that a VM's overlay is as we make them.
 * @param format of what it is an overlay of
 * @returns the absolute path of what it is an overlay of; undefined when it stands alone
 * @throws PodmanBootcError `DISK_DAMAGED`; `ENOENT`, `EACCES` and the like as they come
 */
export async function checkOverlay(
  path: string,
  format: 'raw' | 'qcow2' = 'raw',
): Promise<string | undefined> {
  const { backing, backingFormat, damage } = await readQcow2(path);
  if (damage !== undefined) throw damaged(path, damage);
  if (backing === undefined) return undefined;
  // What the image wrote there could look like an overlay of any file of this host.
  if (backingFormat !== format) {
    throw damaged(
      path,
      `what it is an overlay of is ${backingFormat === undefined ? 'of no format that it names' : JSON.stringify(backingFormat)}, not ${format}`,
    );
  }
  const below = resolve(dirname(path), backing);
  const [own, other] = await Promise.all([stat(path), stat(below).catch(() => undefined)]);
  if (other && !other.isFile() && !other.isBlockDevice())
    throw damaged(path, `what it is an overlay of is no file: ${below}`);
  if (other?.ino === own.ino && other.dev === own.dev) throw damaged(path, 'it is an overlay of itself');
  return below;
}

/**
 * Checks that something that could be a raw disk is at the path.
 * @throws PodmanBootcError `DISK_DAMAGED`; `ENOENT`, `EACCES` and the like as they come
 */
export async function checkRaw(path: string): Promise<void> {
  const status = await stat(path);
  if (!status.isFile() && !status.isBlockDevice()) throw damaged(path, 'it is no file', undefined, 'raw');
}

function damaged(path: string, why: string, cause?: unknown, format = 'qcow2'): PodmanBootcError {
  return new PodmanBootcError(
    'boot',
    'DISK_DAMAGED',
    `The disk ${path} is not the ${format} image that it should be: ${why}`,
    {
      remedy: `Look at it with \`ls -l\` and \`qemu-img check ${path}\`; podman-bootc neither uses nor deletes it`,
      cause,
    },
  );
}

/**
 * Makes an empty qcow2 overlay of an image; it takes what the guest writes, and the image below stays as it is.
 * @param size bytes that the guest sees, at least those of the image below
 * @param format of the image below
 * @throws PodmanBootcError `OVERLAY_FAILED`, `PROGRAM_NOT_FOUND`
 */
export async function createOverlay(
  path: string,
  backing: string,
  size: number,
  format: 'raw' | 'qcow2' = 'raw',
): Promise<void> {
  const result = await runProcess('qemu-img', [
    'create',
    '-q',
    ...['-f', 'qcow2', '-b', backing, '-F', format],
    path,
    String(size),
  ]);
  if (result.exitCode !== 0) {
    throw new PodmanBootcError('install', 'OVERLAY_FAILED', `qemu-img could not make the disk ${path}`, {
      remedy: 'Free space there, or look at what qemu-img said',
      output: result.all,
    });
  }
  await chmod(path, 0o600);
}

/** Bytes of a file: what it holds on the disk, and how long it is. Zero for one that is gone. */
export async function fileSize(path: string): Promise<{ allocated: number; apparent: number }> {
  try {
    const { blocks, size } = await stat(path);
    return { allocated: blocks * 512, apparent: size };
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return { allocated: 0, apparent: 0 };
    throw error;
  }
}
