import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { blobPath, type Descriptor } from './layout.js';
import { blockSize, fileHeader, padding } from './tar.js';

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

/** Says where in an archive which blob will be. */
export function planArchive(directory: string, blobs: readonly Descriptor[]): Archive {
  let end = 0;
  const placed = blobs.map((blob) => {
    const offset = end + blockSize;
    end = offset + blob.size + padding(blob.size).length;
    return { ...blob, offset };
  });
  // Two empty blocks are the end of an archive.
  return { directory, blobs: placed, size: end + 2 * blockSize };
}

/** The archive's bytes. It fails where a blob has not the size that its descriptor says. */
export function readArchive(archive: Archive): Readable {
  return Readable.from(chunks(archive), { objectMode: false });
}

async function* chunks({ directory, blobs }: Archive): AsyncGenerator<Buffer, void> {
  for (const { digest, size } of blobs) {
    yield fileHeader(`blobs/${digest.replace(':', '/')}`, size);
    let read = 0;
    if (size > 0) {
      const path = blobPath(directory, digest);
      for await (const chunk of createReadStream(path, { end: size - 1, highWaterMark: 1 << 18 })) {
        read += (chunk as Buffer).length;
        yield chunk as Buffer;
      }
      if (read !== size) throw new Error(`${path} has ${read} bytes instead of ${size}`);
    }
    yield padding(size);
  }
  yield Buffer.alloc(2 * blockSize);
}
