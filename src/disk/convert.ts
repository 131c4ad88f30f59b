import { chmod, link, lstat, open, realpath, rename, rm, stat, statfs } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { basename, dirname, extname, join } from 'node:path';
import { syncDirectory, syncFile } from '../durable-file.js';
import { codeOf, messageOf, PodmanBootcError } from '../errors.js';
import { option } from '../option-text.js';
import { ownUid } from '../own-file.js';
import { isMissing, namesIn } from '../paths.js';
import { runProcess } from '../process.js';
import type { Reporter } from '../report.js';
import { formatSize } from '../sizes.js';
import { reportTransfer } from '../transfer.js';
import { fileFormats, type FileFormat } from './file-formats.js';
import { fileSize } from './qcow2.js';
import { shareRaw } from './raw-copy.js';

/** What QEMU calls a format, and what it is told so that the guest sees neither more nor less than the disk. */
const qemuFormats: Readonly<Record<FileFormat, { name: string; options?: string }>> = {
  raw: { name: 'raw' },
  qcow2: { name: 'qcow2' },
  vmdk: { name: 'vmdk' },
  // Otherwise the size is rounded up to one that its cylinders and heads can express.
  vhd: { name: 'vpc', options: 'force_size=on' },
  vhdx: { name: 'vhdx' },
  vdi: { name: 'vdi' },
};

const extensions: Readonly<Record<string, FileFormat>> = {
  '.raw': 'raw',
  '.img': 'raw',
  '.qcow2': 'qcow2',
  '.vmdk': 'vmdk',
  '.vhd': 'vhd',
  '.vpc': 'vhd',
  '.vhdx': 'vhdx',
  '.vdi': 'vdi',
};

/** The format that a file's name says; raw where it says none. */
export function formatByName(path: string): FileFormat {
  return extensions[extname(path).toLowerCase()] ?? 'raw';
}

/**
 * Asks the host's qemu-img whether it writes a format: distributions leave some out.
 * @throws PodmanBootcError `FORMAT_UNAVAILABLE`, `PROGRAM_NOT_FOUND`
 */
export async function requireFormat(format: FileFormat): Promise<void> {
  const isThere = async (each: FileFormat): Promise<boolean> => {
    // With this option nothing is made of the name.
    const args = ['create', '-f', qemuFormats[each].name, '-o', 'help', 'disk'];
    return (await runProcess('qemu-img', args)).exitCode === 0;
  };
  if (await isThere(format)) return;
  const others = [];
  for (const each of fileFormats) if (each !== format && (await isThere(each))) others.push(each);
  throw new PodmanBootcError(
    'host',
    'FORMAT_UNAVAILABLE',
    `The qemu-img of this host cannot write disks of the format ${format}`,
    { remedy: `It writes ${others.join(', ')}`, check: 'PB009' },
  );
}

/**
 * Looks whether a file can be written where it is wanted.
 * @returns its absolute path, with a directory without links
 * @throws PodmanBootcError `TARGET_INVALID`, `FILE_EXISTS`
 */
export async function requireTarget(word: string, overwrite: boolean): Promise<string> {
  const name = basename(word);
  if (word === '-' || word === '' || word.endsWith('/') || name === '.' || name === '..') {
    throw invalidTarget(word, 'it is no name of a file');
  }
  const directory = await realpath(dirname(word)).catch((error: unknown) => {
    throw invalidTarget(word, isMissing(error) ? `there is no directory ${dirname(word)}` : messageOf(error));
  });
  const path = join(directory, name);
  const there = await lstat(path).catch((error: unknown) => {
    if (!isMissing(error)) throw invalidTarget(word, messageOf(error));
  });
  if (there && !overwrite) throw fileExists(path);
  if (there && !there.isFile()) throw invalidTarget(word, 'what is there is no regular file');
  // Whoever may write to a directory may still be kept from it: only making a file tells.
  try {
    await usualMode(path);
  } catch (error) {
    const why = codeOf(error) === 'ENAMETOOLONG' ? 'its name is too long' : messageOf(error);
    throw invalidTarget(word, why);
  }
  return path;
}

function invalidTarget(word: string, why: string): PodmanBootcError {
  return new PodmanBootcError(
    'usage',
    'TARGET_INVALID',
    `Expected the name of a file that can be written, got '${word}': ${why}`,
    { remedy: 'Name a file in a directory that you can write to' },
  );
}

function fileExists(path: string): PodmanBootcError {
  return new PodmanBootcError(
    'usage',
    'FILE_EXISTS',
    `The file ${path} is there already; nothing was changed`,
    {
      remedy: `Name another one, or write over it with ${option('overwrite')}`,
    },
  );
}

/** In the name of a file that is being written, behind the name that it will have. */
const partialMark = '.partial-';

function partialOf(path: string): string {
  return join(dirname(path), `.${basename(path)}${partialMark}${randomBytes(4).toString('hex')}`);
}

/** Removes what writers of a file have left who were killed. The caller holds the lock of the file's name. */
async function sweep(path: string): Promise<void> {
  const beginning = `.${basename(path)}${partialMark}`;
  for (const name of await namesIn(dirname(path))) {
    if (!name.startsWith(beginning) || !/^[0-9a-f]{8}$/.test(name.slice(beginning.length))) continue;
    const left = join(dirname(path), name);
    const status = await lstat(left).catch(() => undefined);
    if (status?.isFile() && status.uid === ownUid()) await rm(left, { force: true });
  }
}

/** A disk that is to be written to a file. */
export interface Conversion {
  /** A raw image, which nobody changes meanwhile. */
  from: string;
  /** As `requireTarget` returned it. */
  to: string;
  format: FileFormat;
  overwrite: boolean;
}

/**
 * Writes a raw image to a file in another format, or in the same. It has its name when it is complete, and on the disk; until
 * then it has another one beside it. The caller holds the lock of the name.
 * @throws PodmanBootcError `FILE_EXISTS`, `DISK_FULL`, `CONVERT_FAILED`, or the signal's reason
 */
export async function convertDisk(
  { from, to, format, overwrite }: Conversion,
  report: Reporter,
  signal?: AbortSignal,
): Promise<void> {
  await sweep(to);
  const partial = partialOf(to);
  await makeEmpty(partial);
  try {
    report.progress?.({ type: 'stage', stage: 'write', detail: to });
    if (format !== 'raw' || !(await shareInto(partial, from)))
      await runConvert(from, partial, format, report, signal);
    // The copy may have brought another one along.
    await chmod(partial, await usualMode(to));
    await syncFile(partial);
    signal?.throwIfAborted();
    await giveName(partial, to, overwrite);
  } catch (error) {
    if (codeOf(error) === 'ENOSPC') throw await diskFull(from, partial);
    throw error;
  } finally {
    await rm(partial, { force: true });
  }
}

/** The mode that a file of the user's has there, by umask and what the directory says; found out by making one. */
async function usualMode(path: string): Promise<number> {
  const probe = partialOf(path);
  await using file = await open(probe, 'wx', 0o666);
  try {
    return (await file.stat()).mode & 0o777;
  } finally {
    await rm(probe, { force: true });
  }
}

async function makeEmpty(path: string): Promise<void> {
  await (await open(path, 'wx', 0o600)).close();
}

/** Where the file system cannot share space, Node's copy has taken the file away. */
async function shareInto(partial: string, from: string): Promise<boolean> {
  if (await shareRaw(from, partial)) return true;
  await rm(partial, { force: true });
  await makeEmpty(partial);
  return false;
}

async function runConvert(
  from: string,
  partial: string,
  format: FileFormat,
  report: Reporter,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { allocated } = await fileSize(from);
  if ((await freeSpace(partial)) < allocated) throw await diskFull(from, partial);
  const { name, options } = qemuFormats[format];
  using _growth = reportTransfer(report, 'write', async () => (await stat(partial)).blocks * 512);
  const args = [
    ...['convert', '-f', 'raw', '-O', name],
    ...(options === undefined ? [] : ['-o', options]),
    ...[from, partial],
  ];
  report.debug(`qemu-img ${args.join(' ')}`);
  // In its own process group, so that Ctrl-C reaches us alone.
  const { exitCode, all } = await runProcess('qemu-img', args, { signal, detached: true });
  signal?.throwIfAborted();
  if (exitCode === 0) return;
  if (/No space left on device|Disk quota exceeded/i.test(all)) throw await diskFull(from, partial);
  throw new PodmanBootcError(
    'install',
    'CONVERT_FAILED',
    `qemu-img could not write the disk to ${dirname(partial)}`,
    {
      remedy: 'Look at what it said',
      output: all,
      check: 'PB009',
    },
  );
}

async function freeSpace(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(dirname(path));
  return bavail * bsize;
}

/** With what is missing: what the partial file has taken is free again when it is gone. */
async function diskFull(from: string, partial: string): Promise<PodmanBootcError> {
  const [{ allocated: needed }, { allocated: taken }] = await Promise.all([
    fileSize(from),
    fileSize(partial),
  ]);
  const free = (await freeSpace(partial)) + taken;
  // A quota, or a file system that needs room for itself, is full before.
  const missing = needed > free ? `, ${formatSize(needed - free)} too little` : '';
  return new PodmanBootcError(
    'install',
    'DISK_FULL',
    `The disk has ${formatSize(needed)} of content, and ${dirname(partial)} has room for ${formatSize(Math.min(free, needed))}${missing}; nothing of it was left there`,
    { remedy: 'Free some space there, or name a file elsewhere' },
  );
}

/** Gives a complete file its name, which nothing has unless it may be written over. */
async function giveName(partial: string, to: string, overwrite: boolean): Promise<void> {
  if (overwrite) await rename(partial, to);
  else {
    try {
      await link(partial, to);
    } catch (error) {
      if (codeOf(error) === 'EEXIST') throw fileExists(to);
      // File systems without hard links (FAT, some of FUSE): between look and rename nothing guards the name.
      if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(codeOf(error) ?? '')) throw error;
      if (await lstat(to).catch(() => undefined)) throw fileExists(to);
      await rename(partial, to);
    }
    await rm(partial, { force: true });
  }
  await syncDirectory(dirname(to));
}
