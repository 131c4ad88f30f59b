import { constants, type Stats } from 'node:fs';
import * as fs from 'node:fs';
import { stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import { promisify } from 'node:util';
import { codeOf, messageOf } from './errors.js';
import { formatSize } from './sizes.js';

/** Why a file that a user named cannot be had. The message goes on after the file's name. */
export class GivenFileError extends Error {}

/** How `readGivenFile` reads. */
export interface GivenFileLimits {
  /** The most bytes; a file with more is refused, not cut. */
  most: number;
  /** Milliseconds for all of it; default 30,000. Somebody may have to type a passphrase at the other end of a pipe. */
  patience?: number | undefined;
}

/**
 * Reads a text file that a user named: a regular file, or a pipe such as `<(command)`. What else can be opened has no end
 * (`/dev/zero`) or does something when it is (devices).
 * @throws GivenFileError
 */
export async function readGivenFile(
  path: string,
  { most, patience = 30_000 }: GivenFileLimits,
): Promise<string> {
  const controller = new AbortController();
  const { signal } = controller;
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => {
      reject(signal.reason as Error);
    });
  });
  const timer = setTimeout(() => {
    controller.abort(
      new GivenFileError(`cannot be read: its end did not come within ${patience / 1000} s; ${endless}`),
    );
  }, patience);
  try {
    const bytes = await Promise.race([read(path, most, signal), late]);
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw explain(error);
  } finally {
    clearTimeout(timer);
  }
}

const endless = 'is there nobody who writes to it?';

/** Checks that a file is one that can be read to its end, without reading it. @throws GivenFileError */
export async function checkGivenFile(path: string): Promise<Stats> {
  try {
    const status = await stat(path);
    requireEnd(status);
    return status;
  } catch (error) {
    throw explain(error);
  }
}

function requireEnd(status: Stats): void {
  if (status.isFile() || status.isFIFO()) return;
  throw new GivenFileError(
    status.isDirectory()
      ? 'is a directory, not a file'
      : 'is a device or a socket, neither a file nor a pipe',
  );
}

async function read(path: string, most: number, signal: AbortSignal): Promise<Buffer> {
  // Opening a device may do something already.
  requireEnd(await stat(path));
  // Opening a pipe would wait for somebody who writes, on a thread that nobody can end.
  const descriptor = await promisify(fs.open)(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const status = fs.fstatSync(descriptor);
  if (status.isFIFO()) return await readPipe(descriptor, most, signal);
  try {
    requireEnd(status);
    return await readFile(descriptor, most);
  } finally {
    fs.closeSync(descriptor);
  }
}

async function readFile(descriptor: number, most: number): Promise<Buffer> {
  const buffer = Buffer.alloc(most + 1);
  let length = 0;
  // What a file says of its length is not asked: in /proc it is 0.
  for (;;) {
    const { bytesRead } = await promisify(fs.read)(descriptor, buffer, length, buffer.length - length, null);
    length += bytesRead;
    if (length > most) throw tooLong(most);
    if (bytesRead === 0) return buffer.subarray(0, length);
  }
}

async function readPipe(descriptor: number, most: number, signal: AbortSignal): Promise<Buffer> {
  const pipe = new Socket({ fd: descriptor, readable: true, writable: false });
  signal.addEventListener('abort', () => pipe.destroy());
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of pipe as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > most) throw tooLong(most);
      chunks.push(chunk);
    }
  } finally {
    pipe.destroy();
  }
  return Buffer.concat(chunks);
}

function tooLong(most: number): GivenFileError {
  return new GivenFileError(`holds more than ${formatSize(most)}`);
}

function explain(error: unknown): GivenFileError {
  if (error instanceof GivenFileError) return error;
  if (codeOf(error) === 'ERR_ENCODING_INVALID_ENCODED_DATA')
    return new GivenFileError('is not text in UTF-8', { cause: error });
  const why = codeOf(error) === 'ENOENT' ? 'there is none' : messageOf(error).split('\n', 1)[0];
  return new GivenFileError(`cannot be read: ${why ?? ''}`, { cause: error });
}
