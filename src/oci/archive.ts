import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { blobPath, type Descriptor } from './layout.js';

/*
 * Blobs of a layout as one archive (tar, POSIX.1-1988, «ustar»), which can be sent, or be a disk: everything in it begins at a
 * multiple of a disk's sector, and where is known before it is written.
 */

/** A blob in an archive. */
export interface ArchivedBlob extends Descriptor {
  /** Bytes before its content. */
  offset: number;
}

/** What an archive will be. */
export interface Archive {
  /** The layout's directory. */
  directory: string;
  blobs: readonly ArchivedBlob[];
  /** Bytes of all of it. */
  size: number;
}

/** Of a header, and what everything is filled up to. */
const block = 512;
/** What a size may be in octal digits; more is a GNU extension that every tar reads. */
const largestOctal = 8 ** 11 - 1;

/** Says where in an archive which blob will be. */
export function planArchive(directory: string, blobs: readonly Descriptor[]): Archive {
  let end = 0;
  const placed = blobs.map((blob) => {
    const offset = end + block;
    end = offset + padded(blob.size);
    return { ...blob, offset };
  });
  // Two empty blocks are the end of an archive.
  return { directory, blobs: placed, size: end + 2 * block };
}

/** The archive's bytes. It fails where a blob has not the size that its descriptor says. */
export function readArchive(archive: Archive): Readable {
  return Readable.from(chunks(archive), { objectMode: false });
}

async function* chunks({ directory, blobs }: Archive): AsyncGenerator<Buffer, void> {
  for (const { digest, size } of blobs) {
    yield header(`blobs/${digest.replace(':', '/')}`, size);
    let read = 0;
    if (size > 0) {
      const path = blobPath(directory, digest);
      for await (const chunk of createReadStream(path, { end: size - 1, highWaterMark: 1 << 18 })) {
        read += (chunk as Buffer).length;
        yield chunk as Buffer;
      }
      if (read !== size) throw new Error(`${path} has ${read} bytes instead of ${size}`);
    }
    yield Buffer.alloc(padded(size) - size);
  }
  yield Buffer.alloc(2 * block);
}

function padded(size: number): number {
  return Math.ceil(size / block) * block;
}

/** https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html («ustar Interchange Format») */
function header(name: string, size: number): Buffer {
  const made = Buffer.alloc(block);
  const put = (text: string, at: number): number => made.write(text, at, 'ascii');
  put(name, 0);
  put('0000644\0', 100);
  put('0000000\0', 108);
  put('0000000\0', 116);
  if (size <= largestOctal) put(`${size.toString(8).padStart(11, '0')}\0`, 124);
  else {
    made[124] = 0x80;
    made.writeBigUInt64BE(BigInt(size), 128);
  }
  put('00000000000\0', 136);
  put(' '.repeat(8), 148);
  put('0', 156);
  put('ustar\0', 257);
  put('00', 263);
  const sum = made.reduce((total, byte) => total + byte, 0);
  put(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return made;
}
