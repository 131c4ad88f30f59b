import { constants, createReadStream, statSync, type Stats } from 'node:fs';
import { access, appendFile, link, mkdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { codeOf, PodmanBootcError } from '../../errors.js';
import { option } from '../../option-text.js';
import { isMissing, namesIn } from '../../paths.js';
import { MiB } from '../../sizes.js';
import type { ConsoleBoot, ConsoleFiles, ConsoleSource, WhichBoot } from './console-source.js';
import { followFile } from './follow-file.js';

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

/** The log that libvirt keeps of a VM's serial port, and what was put aside of it. */
export class ConsoleLog implements ConsoleSource {
  constructor(private readonly files: ConsoleFiles) {}

  async boots(): Promise<ConsoleBoot[]> {
    const { consoleLog, boots: directory } = this.files;
    const archived = await Promise.all(
      (await namesIn(directory)).filter(isArchive).map((name) => archivedBoot(directory, name)),
    );
    const boots = archived.filter((boot) => boot !== undefined);
    const latest = await latestBoot(consoleLog);
    const held = await this.#held(latest);
    if (held?.isEarlier && !boots.some((boot) => isSame(boot, held))) boots.push(held);
    // Put aside already, and no start since.
    const isKnown = latest && boots.some((boot) => isSame(boot, latest));
    return [...(latest && !isKnown ? [latest] : []), ...boots].sort(
      (a, b) => b.ended.getTime() - a.ended.getTime(),
    );
  }

  async boot(which: WhichBoot): Promise<ConsoleBoot> {
    if (which === 'failed') return await this.#failedBoot();
    const boots = await this.boots();
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

  async *read(boot: ConsoleBoot, last = Infinity): AsyncGenerator<Buffer, void> {
    let skip = Math.max(0, boot.size - last);
    for (const { path, size } of boot.files) {
      if (size > skip) yield* createReadStream(path, { start: skip, end: size - 1 }) as AsyncIterable<Buffer>;
      skip = Math.max(0, skip - size);
    }
  }

  async *follow({
    after,
    end,
    onIdle,
  }: Parameters<ConsoleSource['follow']>[0]): AsyncGenerator<Buffer, void> {
    const { consoleLog } = this.files;
    const last = after?.files.at(-1);
    const start = last?.path === consoleLog ? last.size : 0;
    // Nothing is written any more, and what is there was put aside already.
    if (after && end.aborted && start === 0) return;
    yield* followFile(consoleLog, { start, end, ...(onIdle && { onIdle }) });
  }

  async isReadable(): Promise<boolean> {
    return access(this.files.consoleLog, constants.R_OK).then(
      () => true,
      () => false,
    );
  }

  secondsWritten(): number {
    const { birthtimeMs = 0, mtimeMs = 0 } = statSync(this.files.consoleLog, { throwIfNoEntry: false }) ?? {};
    return birthtimeMs === 0 ? 0 : Math.max(0, mtimeMs - birthtimeMs) / 1000;
  }

  /** Killed in between, it is done again by the next call: what is put aside has a name made of its times. */
  async archive(): Promise<void> {
    const { boots } = this.files;
    const latest = await latestBoot(this.files.consoleLog);
    await this.#archiveHeld(latest);
    if (!latest || latest.size === 0) return;
    const archive = this.#archiveOf(latest);
    await this.#makeBoots();
    if (!(await namesIn(boots)).includes(basename(archive))) {
      const partial = join(boots, 'partial');
      await writeFile(partial, '', { mode: 0o600 });
      for await (const chunk of this.read(latest, keptBytes)) await appendFile(partial, chunk);
      await utimes(partial, latest.ended, latest.ended);
      await rename(partial, archive);
    }
    await this.#dropOld();
  }

  async archiveFailed(): Promise<void> {
    await this.archive();
    const [failed] = await this.boots();
    const [file] = failed?.files ?? [];
    if (!failed || !file) return;
    await rm(this.#failed, { force: true });
    // All of it is in one file now.
    await link(file.path, this.#failed);
  }

  /** Costs a link(2). Of a boot that has written more than one part it is the last one. */
  async hold(): Promise<void> {
    try {
      const latest = await latestBoot(this.files.consoleLog);
      if (!latest) return;
      await this.#archiveHeld(latest);
      await this.#makeBoots();
      await link(this.files.consoleLog, this.#holder);
    } catch {
      // Another command was quicker, or it cannot be done: then a start of others loses the log, as it does anyway.
    }
  }

  /** The name of what an update failed with, which has another one among the others as long as they are kept. */
  get #failed(): string {
    return join(this.files.boots, 'failed');
  }

  async #failedBoot(): Promise<ConsoleBoot> {
    const status = await stat(this.#failed).catch(ignoreMissing);
    if (status) return bootOf([{ file: this.#failed, status }]);
    throw new PodmanBootcError('usage', 'BOOT_NOT_KEPT', 'No update of this VM has failed', {
      remedy: `Take another boot: ${option('boot', '0')} is the latest`,
    });
  }

  get #holder(): string {
    return join(this.files.boots, 'held');
  }

  /** Makes the directory for them, unless somebody removes the VM meanwhile. */
  async #makeBoots(): Promise<void> {
    await mkdir(this.files.boots, { mode: 0o700 }).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error;
    });
  }

  /** What is held, and whether it is of a boot before the latest. */
  async #held(latest: ConsoleBoot | undefined): Promise<(ConsoleBoot & { isEarlier: boolean }) | undefined> {
    const status = await stat(this.#holder).catch(ignoreMissing);
    if (!status) return undefined;
    const isPart = latest?.files.some(({ inode }) => inode === status.ino) === true;
    // Where there are as many backups as are kept, it may be a part of the latest boot that was dropped.
    const mayBeDropped = latest !== undefined && latest.files.length > usualBackups;
    return { ...bootOf([{ file: this.#holder, status }]), isEarlier: !isPart && !mayBeDropped };
  }

  /** Gives what is held its name in the archive if it is of an earlier boot, else lets go of it. */
  async #archiveHeld(latest: ConsoleBoot | undefined): Promise<void> {
    const { boots } = this.files;
    const held = await this.#held(latest);
    if (!held) return;
    const archives = (await namesIn(boots)).filter(isArchive);
    const isKept = (await Promise.all(archives.map((name) => archivedBoot(boots, name)))).some(
      (boot) => boot && isSame(boot, held),
    );
    if (!held.isEarlier || isKept || held.size === 0) {
      await rm(this.#holder, { force: true });
      return;
    }
    await rename(this.#holder, this.#archiveOf(held));
    await this.#dropOld();
  }

  async #dropOld(): Promise<void> {
    const names = (await namesIn(this.files.boots)).filter(isArchive);
    const old = names.sort().slice(0, -keptBoots);
    await Promise.all(old.map((name) => rm(join(this.files.boots, name), { force: true })));
  }

  #archiveOf({ began, ended }: ConsoleBoot): string {
    return join(this.files.boots, `${stampOf(began)}_${stampOf(ended)}.log`);
  }
}

function isSame(a: ConsoleBoot, b: ConsoleBoot): boolean {
  return a.ended.getTime() === b.ended.getTime();
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
