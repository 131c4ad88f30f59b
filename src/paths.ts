import type { BigIntStats } from 'node:fs';
import { lstat, readdir, stat } from 'node:fs/promises';
import { codeOf } from './errors.js';

/** Bytes of a path that fit into `sockaddr_un` with its final NUL, on Linux (unix(7)); macOS has four less. */
export const longestSocketPath = process.platform === 'darwin' ? 103 : 107;

/** What is in a directory; nothing in one that is not there. */
export async function namesIn(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** Whether something is at a path: also a link that leads nowhere, and what cannot be looked at. */
export async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    (error: unknown) => !isMissing(error),
  );
}

/** What makes a file the same one, whatever it is called: its device and inode. */
export function identityOf({ dev, ino }: Pick<BigIntStats, 'dev' | 'ino'>): string {
  return `${dev}-${ino}`;
}

/** That of what is at a path, or where a link there leads; undefined where nothing can be seen. */
export async function fileIdentity(path: string): Promise<string | undefined> {
  return stat(path, { bigint: true }).then(identityOf, () => undefined);
}

/** Whether a call failed because there is nothing at its path. */
export function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR';
}
