import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf, messageOf } from './errors.js';
import { isMissing } from './paths.js';

/*
 * Records of ours (journals, what is known of base disks and VMs): whoever finds one finds it whole, also after a loss of
 * power, and one that is damaged all the same says so instead of being taken for none.
 */

/**
 * Writes a file so that its name leads to the old content or to all of the new, whatever happens meanwhile: the content is
 * on the disk before it gets the name, and the name before this returns (fsync(2) of file and directory).
 * @param mode set whatever the umask is
 */
export async function writeDurably(path: string, content: string, mode = 0o600): Promise<void> {
  // Nobody else's: not a name that somebody could have put a link at.
  const temporary = `${path}.${randomBytes(4).toString('hex')}.new`;
  const file = await open(temporary, 'wx', mode);
  try {
    try {
      await file.chmod(mode);
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await renameDurably(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Renames a file, and returns when that would outlast a loss of power. Its content has to be on the disk already. */
export async function renameDurably(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncDirectory(dirname(to));
}

/** Brings what was written to a file, or to its directory's names, to the disk. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Brings the names in a directory to the disk. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } catch (error) {
    // Some network and FUSE file systems do not sync directories: then there is nothing to wait for.
    if (!['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'EBADF'].includes(codeOf(error) ?? '')) throw error;
  } finally {
    await directory.close();
  }
}

/** A record that is there and cannot be read. It is never the reason to delete what it belongs to. */
export class DamagedRecord {
  constructor(
    readonly file: string,
    /** The rest of a sentence that begins with the file. */
    readonly why: string,
  ) {}

  toString(): string {
    return `${this.file} ${this.why}`;
  }
}

/** Records are a few hundred bytes, or a domain's XML: what is longer was not written by us. */
const longestRecord = 1024 * 1024;

/**
 * Reads a record of ours, which somebody may have cut short, overwritten or replaced by something that is no file.
 * @param check says whether the JSON is such a record; undefined, or what is wrong with it
 * @returns undefined when there is none
 */
export async function readRecord<T>(
  path: string,
  check: (value: unknown) => T | Promise<T>,
): Promise<T | DamagedRecord | undefined> {
  let text: string;
  try {
    const content = await readRegularFile(path, longestRecord);
    if (content === 'not a file') return new DamagedRecord(path, 'is not a regular file');
    if (content === 'too long') return new DamagedRecord(path, `has more than ${longestRecord} bytes`);
    text = content.toString('utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    if (codeOf(error) === 'ELOOP') return new DamagedRecord(path, 'is a link');
    return new DamagedRecord(path, `cannot be read: ${messageOf(error)}`);
  }
  if (text.trim() === '') return new DamagedRecord(path, 'is empty');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return new DamagedRecord(path, 'is not JSON');
  }
  try {
    return await check(json);
  } catch (error) {
    return new DamagedRecord(path, `is not such a record: ${messageOf(error)}`);
  }
}

/**
 * Reads a file of ours, whatever stands in its place. Never waits: opening a FIFO for reading would, until somebody writes to
 * it.
 * @param longest bytes
 * @throws `ENOENT`, `ELOOP` for a link and the like, as they come
 */
export async function readRegularFile(
  path: string,
  longest: number,
): Promise<Buffer | 'not a file' | 'too long'> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  try {
    const status = await file.stat();
    if (!status.isFile()) return 'not a file';
    if (status.size > longest) return 'too long';
    const content = Buffer.alloc(longest + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(content, length, content.length - length, length);
      length += bytesRead;
      if (bytesRead === 0) return content.subarray(0, length);
      if (length > longest) return 'too long';
    }
  } finally {
    await file.close();
  }
}
