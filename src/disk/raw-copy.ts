import { chmod, constants, copyFile, rename, rm, stat, truncate } from 'node:fs/promises';
import { codeOf, messageOf, PodmanBootcError } from '../errors.js';
import { option } from '../option-text.js';
import { runProcess } from '../process.js';

/**
 * Copies a raw image: where the file system can (reflink: xfs, btrfs, APFS) in an instant and sharing its space until
 * something is written; elsewhere byte by byte, leaving the holes out.
 * @param size bytes of the copy, at least those of the image
 * @returns whether the space is shared
 * @throws PodmanBootcError `COPY_FAILED`
 */
export async function copyRaw(from: string, to: string, size: number): Promise<boolean> {
  const shared = await shareRaw(from, to);
  if (!shared) {
    // Node's copy would fill the holes.
    const result = await runProcess('cp', [
      ...(process.platform === 'linux' ? ['--sparse=always'] : []),
      from,
      to,
    ]);
    if (result.exitCode !== 0) throw copyFailed(to, result.all);
  }
  try {
    await chmod(to, 0o600);
    await truncate(to, size);
  } catch (error) {
    throw copyFailed(to, messageOf(error));
  }
  return shared;
}

/** Copies a raw image at once, sharing its space, into a file that may be there. @returns false where the file system cannot */
export async function shareRaw(from: string, to: string): Promise<boolean> {
  return copyFile(from, to, constants.COPYFILE_FICLONE_FORCE).then(
    () => true,
    () => false,
  );
}

/**
 * Moves a raw image, also to another file system. It appears at `to` only when it is complete.
 * @throws PodmanBootcError `COPY_FAILED`
 */
export async function moveRaw(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
    return;
  } catch (error) {
    if (codeOf(error) !== 'EXDEV') throw error;
  }
  const partial = `${to}.partial`;
  try {
    await copyRaw(from, partial, (await stat(from)).size);
    await rename(partial, to);
    await rm(from);
  } finally {
    await rm(partial, { force: true });
  }
}

function copyFailed(to: string, output: string): PodmanBootcError {
  return new PodmanBootcError('install', 'COPY_FAILED', `The base disk could not be copied to ${to}`, {
    remedy: `Free some space there, or take an overlay with ${option('diskFormat', 'qcow2')}`,
    output,
  });
}
