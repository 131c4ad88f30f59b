import { lstat, readdir } from 'node:fs/promises';
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

/** Whether a call failed because there is nothing at its path. */
export function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR';
}
