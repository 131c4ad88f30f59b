import { createReadStream } from 'node:fs';
import { appendFile, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { codeOf, PodmanBootcError } from '../errors.js';
import { MiB } from '../sizes.js';
import type { VmDirectory } from './vm-directory.js';

/*
 * What QEMU's serial port prints goes through libvirt's virtlogd, which keeps 2 MiB in the log and 2 MiB in each of
 * three backups (virtlogd.conf(5), max_size and max_backups; libvirt's default for the system's daemon and for a
 * user's), and begins anew at each start. Before a start, what the boot before left is put aside.
 */

/** How many boots before the present one are kept. */
const keptBoots = 5;
/** Bytes kept of each of them, should virtlogd have been told to keep more. */
const keptBytes = 8 * MiB;
/** `console.log.2` is older than `console.log.1`; virtlogd may be told to keep more of them than three. */
const backupPattern = /^\.(\d{1,3})$/;

/** What a boot wrote to its console. */
export interface ConsoleBoot {
  /** When its first line that is kept was written. */
  began: Date;
  /** When its last line was written. */
  ended: Date;
  /** Bytes. */
  size: number;
  /** Its parts, the oldest first: absolute paths, and bytes when they were looked at. */
  files: { path: string; size: number }[];
}

/**
 * The boots whose consoles are kept, the latest first.
 * @throws what reading the directory throws
 */
export async function consoleBoots(directory: VmDirectory): Promise<ConsoleBoot[]> {
  const archived = await Promise.all(
    (await namesIn(directory.boots)).filter(isArchive).map((name) => archivedBoot(directory.boots, name)),
  );
  const boots = archived.filter((boot) => boot !== undefined);
  const latest = await latestBoot(directory.consoleLog);
  // Put aside already, and no start since.
  const known = latest && boots.find((boot) => boot.ended.getTime() === latest.ended.getTime());
  return [...(latest && !known ? [latest] : []), ...boots].sort(
    (a, b) => b.ended.getTime() - a.ended.getTime(),
  );
}

/**
 * One boot's console.
 * @param which 0 for the latest, -1 for the one before, and so on
 * @throws PodmanBootcError `BOOT_NOT_KEPT`
 */
export async function consoleBoot(directory: VmDirectory, which: number): Promise<ConsoleBoot> {
  const boots = await consoleBoots(directory);
  const boot = boots[-which];
  if (boot) return boot;
  throw new PodmanBootcError(
    'usage',
    'BOOT_NOT_KEPT',
    boots.length === 0
      ? 'Nothing has been written to the console of this VM'
      : `Expected --boot to be ${boots.length === 1 ? '0' : `from -${boots.length - 1} to 0`}, which is what is kept, got ${which}`,
    { remedy: boots.length === 0 ? 'Start the VM first' : '0 is the latest boot, -1 the one before' },
  );
}

/** The bytes of a boot's console as it was when it was looked at, or the last so many of them. */
export async function* readConsole(boot: ConsoleBoot, last = Infinity): AsyncGenerator<Buffer, void> {
  let skip = Math.max(0, boot.size - last);
  for (const { path, size } of boot.files) {
    if (size > skip) yield* createReadStream(path, { start: skip, end: size - 1 }) as AsyncIterable<Buffer>;
    skip = Math.max(0, skip - size);
  }
}

/**
 * Puts the console of the latest boot aside, for the next start empties it. The VM is not running and the caller holds
 * its lock. Killed in between, it is done again by the next call: what is put aside has a name made of its times.
 */
export async function archiveConsole(directory: VmDirectory): Promise<void> {
  const latest = await latestBoot(directory.consoleLog);
  if (!latest || latest.size === 0) return;
  const archive = join(directory.boots, `${stampOf(latest.began)}_${stampOf(latest.ended)}.log`);
  await directory.makeBoots();
  const names = await namesIn(directory.boots);
  if (!names.includes(basename(archive))) {
    const partial = join(directory.boots, 'partial');
    await writeFile(partial, '', { mode: 0o600 });
    for await (const chunk of readConsole(latest, keptBytes)) await appendFile(partial, chunk);
    await utimes(partial, latest.ended, latest.ended);
    await rename(partial, archive);
    names.push(basename(archive));
  }
  const old = names.filter(isArchive).sort().slice(0, -keptBoots);
  await Promise.all(old.map((name) => rm(join(directory.boots, name), { force: true })));
}

/** Millisecond precision: what a file system keeps beyond that is lost in names. */
function stampOf(time: Date): string {
  return time.toISOString();
}

const archivePattern = /^(\d{4}-[0-9T:.-]+Z)_(\d{4}-[0-9T:.-]+Z)\.log$/;

function isArchive(name: string): boolean {
  return archivePattern.test(name);
}

async function archivedBoot(directory: string, name: string): Promise<ConsoleBoot | undefined> {
  const [, began = '', ended = ''] = archivePattern.exec(name) ?? [];
  const file = join(directory, name);
  const size = (await stat(file).catch(ignoreMissing))?.size;
  return size === undefined
    ? undefined
    : { began: new Date(began), ended: new Date(ended), size, files: [{ path: file, size }] };
}

async function latestBoot(log: string): Promise<ConsoleBoot | undefined> {
  const backups = (await namesIn(dirname(log)))
    .filter((name) => name.startsWith(basename(log)))
    .map((name) => backupPattern.exec(name.slice(basename(log).length))?.[1])
    .filter((number) => number !== undefined)
    .map(Number)
    .sort((a, b) => b - a);
  const files = [...backups.map((number) => `${log}.${number}`), log];
  const parts = await Promise.all(
    files.map(async (file) => ({ file, status: await stat(file).catch(ignoreMissing) })),
  );
  const present = parts.flatMap(({ file, status }) => (status ? [{ file, status }] : []));
  const first = present[0];
  const last = present.at(-1);
  if (!first || !last) return undefined;
  // Where a file system does not know when a file was made, Node takes another of its times.
  const began = Math.min(first.status.birthtimeMs || first.status.mtimeMs, last.status.mtimeMs);
  return {
    began: new Date(Math.floor(began)),
    ended: new Date(Math.floor(last.status.mtimeMs)),
    size: present.reduce((sum, { status }) => sum + status.size, 0),
    files: present.map(({ file, status }) => ({ path: file, size: status.size })),
  };
}

async function namesIn(directory: string): Promise<string[]> {
  return (await readdir(directory).catch(ignoreMissing)) ?? [];
}

function ignoreMissing(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw error;
}
