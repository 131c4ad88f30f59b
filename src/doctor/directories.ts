import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, mkdtemp, open, rm, stat, statfs, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { minimumDiskSize } from '../bootc/disk-size.js';
import { codeOf, messageOf } from '../errors.js';
import { formatSize, GiB, MiB } from '../sizes.js';
import { requireOwn } from '../vm/host/directories.js';
import type { Examination } from './examination.js';
import type { Outcome } from './finding.js';

/** What a directory is for. */
interface Purpose {
  /** Bytes without which nothing works. */
  least: number;
  /** The command that frees space. */
  freeing: string;
}

/** PB015: a VM's disk is an overlay, which begins small. */
export async function checkData(e: Examination): Promise<Outcome> {
  return await checkDirectory(e.directories.data, { least: 256 * MiB, freeing: 'podman-bootc rm VM' });
}

/** PB016: an image is installed there, and the smallest bootable ones take about this much. */
export async function checkCache(e: Examination): Promise<Outcome> {
  return await checkDirectory(e.directories.cache, { least: GiB, freeing: 'podman-bootc disk prune --all' });
}

/** PB017 */
export async function checkLocks(e: Examination): Promise<Outcome> {
  const { runtime } = e.directories;
  const { existing, exists } = await existingParent(runtime);
  if (exists) await requireOwn(runtime);
  try {
    await using files = await TemporaryFiles.create(existing);
    await files.first.write('x');
  } catch (error) {
    return unwritable(runtime, existing, error);
  }
  return { status: 'ok', finding: `${runtime} can be written` };
}

/** The nearest directory on the way to `path` that is there: the rest is made when it is needed. */
export async function existingParent(path: string): Promise<{ existing: string; exists: boolean }> {
  for (let existing = path; ; existing = dirname(existing)) {
    try {
      await stat(existing);
      return { existing, exists: existing === path };
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' || existing === dirname(existing)) return { existing, exists: false };
    }
  }
}

async function checkDirectory(directory: string, { least, freeing }: Purpose): Promise<Outcome> {
  const { existing, exists } = await existingParent(directory);
  if (exists) await requireOwn(directory);
  const name = exists ? directory : `${directory} (not made yet)`;
  let features: FileSystemFeatures;
  let space: { free: number; capacity: number };
  try {
    const { blocks, bavail, bsize } = await statfs(existing);
    space = { free: bavail * bsize, capacity: blocks * bsize };
    features = await probeFeatures(existing);
  } catch (error) {
    if (codeOf(error) === 'ENOSPC')
      return { status: 'failure', finding: `The file system of ${name} is full`, fix: freeing };
    return unwritable(directory, existing, error);
  }
  const free = `${formatSize(space.free)} free`;
  if (space.free < least)
    return {
      status: 'failure',
      finding: `${name} has only ${free}, less than ${formatSize(least)}`,
      fix: freeing,
    };
  if (space.capacity < minimumDiskSize) {
    return {
      status: 'failure',
      finding: `The file system of ${name} holds ${formatSize(space.capacity)} in all, and a disk has ${formatSize(minimumDiskSize)} by default`,
      fix: `podman-bootc run --disk-size ${Math.floor(space.free / GiB)}G IMAGE`,
    };
  }
  if (!features.large) {
    return {
      status: 'failure',
      finding: `The file system of ${name} takes no files of ${formatSize(minimumDiskSize)}, the size of a disk by default`,
      fix: 'podman-bootc run --disk-size 3G IMAGE',
    };
  }
  const can = [
    features.sparse ? 'sparse files' : 'no sparse files: disks take their full size at once',
    features.reflink ? 'reflinks' : 'no reflinks: copies take their full size',
  ].join(', ');
  if (!features.sparse) return { status: 'warning', finding: `${name}: ${free}; ${can}` };
  if (space.free < minimumDiskSize) {
    return {
      status: 'warning',
      finding: `${name} has only ${free}, less than one disk can grow to; ${can}`,
      fix: freeing,
    };
  }
  return { status: 'ok', finding: `${name}: ${free}; ${can}` };
}

function unwritable(directory: string, existing: string, error: unknown): Outcome {
  const where = existing === directory ? '' : `, nor made in ${existing}`;
  const denied = codeOf(error) === 'EACCES' && process.getuid?.() !== 0;
  return {
    status: 'failure',
    finding: `${directory} cannot be written${where}: ${messageOf(error)}`,
    fix: denied ? `sudo chown -R $USER ${existing}` : undefined,
  };
}

interface FileSystemFeatures {
  sparse: boolean;
  reflink: boolean;
  /** Whether a file can be as large as a disk is by default. */
  large: boolean;
}

/** Tries in a directory what its file system can; nothing is left there, however this process ends. */
async function probeFeatures(directory: string): Promise<FileSystemFeatures> {
  await using files = await TemporaryFiles.create(directory);
  await files.first.write(Buffer.alloc(MiB / 16, 'x'));
  await files.first.sync();
  const reflink = await copyFile(files.firstPath, files.secondPath, constants.COPYFILE_FICLONE_FORCE).then(
    () => true,
    () => false,
  );
  let large = true;
  try {
    await files.first.truncate(minimumDiskSize);
  } catch (error) {
    if (codeOf(error) !== 'EFBIG' && codeOf(error) !== 'EINVAL') throw error;
    large = false;
    await files.first.truncate(16 * MiB);
  }
  const { blocks } = await files.first.stat();
  // st_blocks counts 512 bytes, on every file system (stat(2)).
  return { sparse: blocks * 512 < 8 * MiB, reflink, large };
}

/** open(2): Node does not name it. It contains O_DIRECTORY, whose value differs between architectures. */
const unnamedFile = 0o20000000 | constants.O_DIRECTORY;

/** Two files in a directory: without names where that is possible, else in a directory that is removed. */
class TemporaryFiles implements AsyncDisposable {
  readonly first: FileHandle;
  readonly firstPath: string;
  readonly secondPath: string;
  readonly #second: FileHandle | undefined;
  readonly #directory: string | undefined;

  private constructor(first: FileHandle, second: FileHandle | undefined, directory: string | undefined) {
    this.first = first;
    this.#second = second;
    this.#directory = directory;
    const path = (handle: FileHandle | undefined, name: string): string =>
      directory === undefined ? `/proc/self/fd/${handle?.fd ?? -1}` : join(directory, name);
    this.firstPath = path(first, 'first');
    this.secondPath = path(second, 'second');
  }

  static async create(directory: string): Promise<TemporaryFiles> {
    if (process.platform === 'linux') {
      try {
        return await TemporaryFiles.#unnamed(directory);
      } catch (error) {
        // What a file system (or kernel) without unnamed files says.
        if (!['EOPNOTSUPP', 'ENOTSUP', 'EISDIR', 'EINVAL'].includes(codeOf(error) ?? '')) throw error;
      }
    }
    const made = await mkdtemp(join(directory, `.podman-bootc-doctor-${randomUUID().slice(0, 8)}-`));
    try {
      return new TemporaryFiles(await open(join(made, 'first'), 'wx+', 0o600), undefined, made);
    } catch (error) {
      await rm(made, { recursive: true, force: true });
      throw error;
    }
  }

  static async #unnamed(directory: string): Promise<TemporaryFiles> {
    const first = await open(directory, unnamedFile | constants.O_RDWR, 0o600);
    try {
      const second = await open(directory, unnamedFile | constants.O_RDWR, 0o600);
      return new TemporaryFiles(first, second, undefined);
    } catch (error) {
      await first.close();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.first.close();
    await this.#second?.close();
    if (this.#directory !== undefined) await rm(this.#directory, { recursive: true, force: true });
  }
}
