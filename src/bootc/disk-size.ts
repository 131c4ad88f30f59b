import { truncate, writeFile, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf, PodmanBootcError } from '../errors.js';
import { option } from '../option-text.js';
import { formatSize, GiB } from '../sizes.js';

/** The smallest disk we choose ourselves, in bytes; the option `diskSize` may ask for less. */
export const minimumDiskSize = 10 * GiB;

/**
 * The size of a VM's disk in bytes: what was asked for to the byte, else the larger of 10 GiB and twice
 * the image.
 */
export function chooseDiskSize(asked: number | undefined, imageSize: number): number {
  if (asked !== undefined) return asked;
  // A whole number of 4 KiB blocks, which every file system and loop device takes.
  return Math.max(minimumDiskSize, Math.ceil((2 * imageSize) / 4096) * 4096);
}

/**
 * Checks that a file system could hold a disk if it were empty. Disks are sparse: how much is free now says little.
 * @param path where the disk will be, in a directory that exists
 * @throws PodmanBootcError `DISK_TOO_LARGE`
 */
export async function checkDiskFits(path: string, size: number): Promise<void> {
  const fileSystem = await statfs(dirname(path));
  const capacity = fileSystem.blocks * fileSystem.bsize;
  if (size > capacity) throw tooLarge(path, size, `it holds ${formatSize(capacity)} in all`);
}

/**
 * Creates the sparse file that bootc installs onto.
 * @param imageSize bytes that the install will at least write
 * @throws PodmanBootcError `DISK_TOO_LARGE`, `DISK_FULL`
 */
export async function createSparseDisk(path: string, size: number, imageSize: number): Promise<void> {
  await checkDiskFits(path, size);
  const fileSystem = await statfs(dirname(path));
  const free = fileSystem.bavail * fileSystem.bsize;
  if (free < imageSize) {
    throw new PodmanBootcError(
      'install',
      'DISK_FULL',
      `The file system of ${dirname(path)} has ${formatSize(free)} free, and the image alone needs ${formatSize(imageSize)}`,
      { remedy: 'Free some space there, or remove unused base disks with `podman-bootc disk prune --all`' },
    );
  }
  try {
    await writeFile(path, '', { flag: 'wx', mode: 0o600 });
    await truncate(path, size);
  } catch (error) {
    if (codeOf(error) === 'EFBIG' || codeOf(error) === 'EINVAL')
      throw tooLarge(path, size, 'its files cannot be that large');
    throw error;
  }
}

function tooLarge(path: string, size: number, why: string): PodmanBootcError {
  return new PodmanBootcError(
    'usage',
    'DISK_TOO_LARGE',
    `A disk of ${formatSize(size)} does not fit on the file system of ${dirname(path)}: ${why}`,
    { remedy: `Ask for a smaller one with ${option('diskSize')}` },
  );
}

/** Whether the file system that holds `path` has run full: under 16 MiB left. */
export async function isFull(path: string): Promise<boolean> {
  const fileSystem = await statfs(path);
  return fileSystem.bavail * fileSystem.bsize < 16 * 1024 * 1024;
}
