import { chmod, open, stat } from 'node:fs/promises';
import { codeOf, PodmanBootcError } from '../errors.js';
import { runProcess } from '../process.js';

/** What the header of a qcow2 image says. */
export interface Qcow2Header {
  /** What it is an overlay of, as written in it; undefined for an image that stands alone. */
  backing: string | undefined;
  /** Bytes that the guest sees. */
  virtualSize: number;
}

// The layout of a header: docs/interop/qcow2.txt of QEMU.
const magic = 0x514649fb;
const headerLength = 104;
const longestBackingName = 1023;

/**
 * Reads the header of a qcow2 image, without a process.
 * @throws PodmanBootcError `DISK_DAMAGED` when it is none; `ENOENT` and the like as they come
 */
export async function readQcow2(path: string): Promise<Qcow2Header> {
  const file = await open(path, 'r');
  try {
    const header = Buffer.alloc(headerLength);
    const { bytesRead } = await file.read(header, 0, headerLength, 0);
    if (bytesRead < 72 || header.readUInt32BE(0) !== magic) throw damaged(path, 'it does not begin as one');
    const version = header.readUInt32BE(4);
    if (version !== 2 && version !== 3) throw damaged(path, `its version is ${version}`);
    const clusterBits = header.readUInt32BE(20);
    if (clusterBits < 9 || clusterBits > 21) throw damaged(path, `its clusters have 2^${clusterBits} bytes`);
    const offset = header.readBigUInt64BE(8);
    const length = header.readUInt32BE(16);
    const virtualSize = Number(header.readBigUInt64BE(24));
    if (offset === 0n) return { backing: undefined, virtualSize };
    const { size } = await file.stat();
    if (length === 0 || length > longestBackingName || Number(offset) + length > size) {
      throw damaged(path, 'the name of what it is an overlay of lies outside of it');
    }
    const name = Buffer.alloc(length);
    await file.read(name, 0, length, Number(offset));
    return { backing: name.toString('utf8'), virtualSize };
  } finally {
    await file.close();
  }
}

function damaged(path: string, why: string): PodmanBootcError {
  return new PodmanBootcError(
    'boot',
    'DISK_DAMAGED',
    `The disk ${path} is not the qcow2 image that it should be: ${why}`,
    { remedy: `Look at it with \`qemu-img check ${path}\`; podman-bootc neither uses nor deletes it` },
  );
}

/**
 * Makes an empty qcow2 overlay of a raw image; it takes what the guest writes, and the image below stays as it is.
 * @param size bytes that the guest sees, at least those of the image below
 * @throws PodmanBootcError `OVERLAY_FAILED`, `PROGRAM_NOT_FOUND`
 */
export async function createOverlay(path: string, backing: string, size: number): Promise<void> {
  const result = await runProcess('qemu-img', [
    'create',
    '-q',
    ...['-f', 'qcow2', '-b', backing, '-F', 'raw'],
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
    if (codeOf(error) === 'ENOENT') return { allocated: 0, apparent: 0 };
    throw error;
  }
}
