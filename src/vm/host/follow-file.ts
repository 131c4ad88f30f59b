import { watch, type FSWatcher } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { codeOf } from '../../errors.js';

const chunkSize = 64 * 1024;
/** Milliseconds between two looks where the system has no watch left to give (inotify(7), max_user_watches). */
const pollInterval = 250;

/** How `followFile` follows. */
export interface FollowOptions {
  /** Bytes to leave out at the beginning; default none. */
  start?: number;
  /** When it aborts, what is there is still read, and then the following ends. */
  end: AbortSignal;
  /** Called when all that is there has been read. */
  onIdle?: () => void;
}

/**
 * What is in a file that grows, and what comes to it. A file that is replaced under its name (rotated, emptied, made
 * anew) is read to its end, and then the next from its beginning, as long as it is kept: a slow reader may be several
 * rotations behind. Read only as fast as the caller takes it.
 */
export async function* followFile(path: string, options: FollowOptions): AsyncGenerator<Buffer, void> {
  const { end } = options;
  using changes = new Changes(path, end);
  let file: FileHandle | undefined;
  let position = options.start ?? 0;
  try {
    for (;;) {
      // Asked before reading: what is written after it is told by the next change.
      const isLast = end.aborted;
      changes.reset();
      file ??= await openIfThere(path);
      let replaced = false;
      if (file) {
        replaced = await isReplaced(file, path);
        if ((await file.stat()).size < position) position = 0;
        for (;;) {
          const { bytesRead, buffer } = await file.read(Buffer.alloc(chunkSize), 0, chunkSize, position);
          if (bytesRead === 0) break;
          position += bytesRead;
          yield buffer.subarray(0, bytesRead);
        }
      }
      if (replaced) {
        const next = file && (await openNext(file, path));
        await file?.close();
        file = next;
        position = 0;
        continue;
      }
      options.onIdle?.();
      if (isLast) return;
      await changes.next();
    }
  } finally {
    await file?.close();
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function isReplaced(file: FileHandle, path: string): Promise<boolean> {
  try {
    const [ours, present] = await Promise.all([file.stat(), stat(path)]);
    return ours.ino !== present.ino || ours.dev !== present.dev;
  } catch (error) {
    // Renamed, and the new one not there yet.
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** The file that was begun after `file`: the rotated one before it in number (`path.0` is the latest), or that at `path`. */
async function openNext(file: FileHandle, path: string): Promise<FileHandle | undefined> {
  for (;;) {
    const number = await rotationOf(file, path);
    const next = await openIfThere(number === undefined || number === 0 ? path : `${path}.${number - 1}`);
    // Rotated meanwhile, it is another one that was opened.
    if ((await rotationOf(file, path)) === number) return next;
    await next?.close();
  }
}

/** The number that a rotated file has got; undefined when it is not there any longer. */
async function rotationOf(file: FileHandle, path: string): Promise<number | undefined> {
  const ours = await file.stat();
  for (let number = 0; ; number++) {
    try {
      const { dev, ino } = await stat(`${path}.${number}`);
      if (dev === ours.dev && ino === ours.ino) return number;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }
}

/** Tells when something happened to a file, also what happened before it was asked. */
class Changes implements Disposable {
  #changed = false;
  #wake: (() => void) | undefined;
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #notice = (): void => {
    this.#changed = true;
    this.#wake?.();
  };

  constructor(
    path: string,
    private readonly end: AbortSignal,
  ) {
    end.addEventListener('abort', this.#notice);
    try {
      // The directory, because the file may be replaced.
      this.#watcher = watch(dirname(path), (_, name) => {
        if (name === null || name === basename(path)) this.#notice();
      });
      this.#watcher.on('error', () => {
        this.#poll();
      });
    } catch {
      this.#poll();
    }
  }

  reset(): void {
    this.#changed = this.end.aborted;
  }

  /** Resolves at the first change since `reset`. */
  async next(): Promise<void> {
    if (this.#changed) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
  }

  #poll(): void {
    this.#timer ??= setInterval(this.#notice, pollInterval);
  }

  [Symbol.dispose](): void {
    this.end.removeEventListener('abort', this.#notice);
    this.#watcher?.close();
    clearInterval(this.#timer);
  }
}
