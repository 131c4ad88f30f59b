import { createReadStream, type Stats } from 'node:fs';
import { appendFile, link, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { option } from '../../option-text.js';
import { PodmanBootcError } from '../../errors.js';
import { isMissing, namesIn } from '../../paths.js';
import { MiB } from '../../sizes.js';

/** Where it lies; a `VmDirectory`. */
interface ConsoleFiles {
  consoleLog: string;
  boots: string;
  makeBoots(): Promise<void>;
}

/*
 * What QEMU's serial port prints goes through libvirt's virtlogd, which keeps 2 MiB in the log and 2 MiB in each of
 * three backups (virtlogd.conf(5), max_size and max_backups; libvirt's default for the system's daemon and for a
 * user's), and begins anew at each start: it unlinks these files and makes new ones. Before a start of ours, what the
 * boot before left is put aside. For the starts of others (`virsh start`, autostart), the file that is being written has
 * a second name, `boots/held`, which outlives the first.
 */

/** Backups that virtlogd keeps unless it is told otherwise. */
const usualBackups = 3;
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
  /** Its parts, the oldest first: absolute paths, bytes when they were looked at, and inodes. */
  files: { path: string; size: number; inode: number }[];
}

/**
 * The boots whose consoles are kept, the latest first.
 * @throws what reading the directory throws
 */
export async function consoleBoots(directory: ConsoleFiles): Promise<ConsoleBoot[]> {
  const archived = await Promise.all(
    (await namesIn(directory.boots)).filter(isArchive).map((name) => archivedBoot(directory.boots, name)),
  );
  const boots = archived.filter((boot) => boot !== undefined);
  const latest = await latestBoot(directory.consoleLog);
  const held = await heldBoot(directory, latest);
  if (held?.isEarlier && !boots.some((boot) => isSame(boot, held))) boots.push(held);
  // Put aside already, and no start since.
  const isKnown = latest && boots.some((boot) => isSame(boot, latest));
  return [...(latest && !isKnown ? [latest] : []), ...boots].sort(
    (a, b) => b.ended.getTime() - a.ended.getTime(),
  );
}

function isSame(a: ConsoleBoot, b: ConsoleBoot): boolean {
  return a.ended.getTime() === b.ended.getTime();
}

/**
 * One boot's console.
 * @param which 0 for the latest, -1 for the one before, and so on
 * @throws PodmanBootcError `BOOT_NOT_KEPT`
 */
export async function consoleBoot(directory: ConsoleFiles, which: number): Promise<ConsoleBoot> {
  const boots = await consoleBoots(directory);
  const boot = boots[-which];
  if (boot) return boot;
  throw new PodmanBootcError(
    'usage',
    'BOOT_NOT_KEPT',
    boots.length === 0
      ? 'Nothing has been written to the console of this VM'
      : `Expected ${option('boot')} to be ${boots.length === 1 ? '0' : `from -${boots.length - 1} to 0`}, which is what is kept, got ${which}`,
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
export async function archiveConsole(directory: ConsoleFiles): Promise<void> {
  const latest = await latestBoot(directory.consoleLog);
  await archiveHeld(directory, latest);
  if (!latest || latest.size === 0) return;
  const archive = archiveOf(directory, latest);
  await directory.makeBoots();
  if (!(await namesIn(directory.boots)).includes(basename(archive))) {
    const partial = join(directory.boots, 'partial');
    await writeFile(partial, '', { mode: 0o600 });
    for await (const chunk of readConsole(latest, keptBytes)) await appendFile(partial, chunk);
    await utimes(partial, latest.ended, latest.ended);
    await rename(partial, archive);
  }
  await dropOld(directory);
}

/**
 * Sees to it that what the present boot writes outlives a start that is not ours. Costs a link(2), so that every command
 * that looks at a boot may do it, without a lock. Of a boot that has written more than one part it is the last one.
 * Where the files may not be linked (another user's libvirt), nothing is held.
 */
export async function holdConsole(directory: ConsoleFiles): Promise<void> {
  try {
    const latest = await latestBoot(directory.consoleLog);
    if (!latest) return;
    await archiveHeld(directory, latest);
    await directory.makeBoots();
    await link(directory.consoleLog, join(directory.boots, heldName));
  } catch {
    // Another command was quicker, or it cannot be done: then a start of others loses the log, as it does anyway.
  }
}

const heldName = 'held';

/** What is held, and whether it is of a boot before the latest. */
async function heldBoot(
  directory: ConsoleFiles,
  latest: ConsoleBoot | undefined,
): Promise<(ConsoleBoot & { isEarlier: boolean }) | undefined> {
  const path = join(directory.boots, heldName);
  const status = await stat(path).catch(ignoreMissing);
  if (!status) return undefined;
  const isPart = latest?.files.some(({ inode }) => inode === status.ino) === true;
  // Where there are as many backups as are kept, it may be a part of the latest boot that was dropped.
  const mayBeDropped = latest !== undefined && latest.files.length > usualBackups;
  return { ...bootOf([{ file: path, status }]), isEarlier: !isPart && !mayBeDropped };
}

/** Gives what is held its name in the archive if it is of an earlier boot, else lets go of it. */
async function archiveHeld(directory: ConsoleFiles, latest: ConsoleBoot | undefined): Promise<void> {
  const held = await heldBoot(directory, latest);
  if (!held) return;
  const path = join(directory.boots, heldName);
  const archives = (await namesIn(directory.boots)).filter(isArchive);
  const isKept = (await Promise.all(archives.map((name) => archivedBoot(directory.boots, name)))).some(
    (boot) => boot && isSame(boot, held),
  );
  if (!held.isEarlier || isKept || held.size === 0) {
    await rm(path, { force: true });
    return;
  }
  await rename(path, archiveOf(directory, held));
  await dropOld(directory);
}

async function dropOld(directory: ConsoleFiles): Promise<void> {
  const names = (await namesIn(directory.boots)).filter(isArchive);
  const old = names.sort().slice(0, -keptBoots);
  await Promise.all(old.map((name) => rm(join(directory.boots, name), { force: true })));
}

function archiveOf(directory: ConsoleFiles, { began, ended }: ConsoleBoot): string {
  return join(directory.boots, `${stampOf(began)}_${stampOf(ended)}.log`);
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
  const status = await stat(file).catch(ignoreMissing);
  if (!status) return undefined;
  const { size, ino: inode } = status;
  return { began: new Date(began), ended: new Date(ended), size, files: [{ path: file, size, inode }] };
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
  return present.length > 0 ? bootOf(present) : undefined;
}

/** The boot whose console these files are, at least one, the oldest first. */
function bootOf(parts: { file: string; status: Stats }[]): ConsoleBoot {
  const times = parts.map(({ status: { birthtimeMs, mtimeMs } }) => ({ birthtimeMs, mtimeMs }));
  const ended = times.at(-1)?.mtimeMs ?? 0;
  // Where a file system does not know when a file was made, Node takes another of its times.
  const first = times[0]?.birthtimeMs === 0 ? times[0].mtimeMs : times[0]?.birthtimeMs;
  const began = Math.min(first ?? ended, ended);
  return {
    began: new Date(Math.floor(began)),
    ended: new Date(Math.floor(ended)),
    size: parts.reduce((sum, { status }) => sum + status.size, 0),
    files: parts.map(({ file, status }) => ({ path: file, size: status.size, inode: status.ino })),
  };
}

function ignoreMissing(error: unknown): undefined {
  if (!isMissing(error)) throw error;
}
