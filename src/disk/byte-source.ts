import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';

/** Bytes of a disk, all of it or one partition. */
export interface ByteSource {
  /** Bytes. */
  readonly size: number;
  /**
   * Reads so many bytes, always. Beyond the end, and where a file was cut short, there are zeros, as in a hole: so a
   * reader of damaged structures cannot go astray, it only sees structures that are not there.
   */
  read: (offset: number, length: number) => Promise<Buffer>;
}

/**
 * Opens a file, or what is in its place, without ever waiting: a FIFO would block until somebody writes to it.
 * @throws the system's errors: `ENOENT`, `EACCES`, `ELOOP`, `ENXIO`…
 */
export async function openWithoutWaiting(path: string): Promise<FileHandle> {
  return open(path, constants.O_RDONLY | constants.O_NONBLOCK);
}

/** Fills a buffer from a file; fewer bytes than asked for mean that the file ends there. @returns how many there were */
export async function readFully(file: FileHandle, buffer: Buffer, position: number): Promise<number> {
  let count = 0;
  while (count < buffer.length) {
    const { bytesRead } = await file.read(buffer, count, buffer.length - count, position + count);
    if (bytesRead === 0) break;
    count += bytesRead;
  }
  return count;
}

/** A regular file of so many bytes as a source. */
export function sourceOf(file: FileHandle, size: number): ByteSource {
  return part(
    {
      size,
      read: async (offset, length) => {
        const buffer = Buffer.alloc(length);
        await readFully(file, buffer, offset);
        return buffer;
      },
    },
    0,
    size,
  );
}

/** A part of a source, which nothing is read beyond. */
export function part(whole: ByteSource, start: number, size: number): ByteSource {
  return {
    size,
    read: async (offset, length) => {
      const there = Number.isSafeInteger(offset) && offset >= 0 ? Math.min(length, size - offset) : 0;
      if (there === length) return whole.read(start + offset, length);
      const buffer = Buffer.alloc(length);
      if (there > 0) (await whole.read(start + offset, there)).copy(buffer);
      return buffer;
    },
  };
}
