import { createHash, randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { cleanUpInstall } from '../../bootc/install.js';
import { fileSize } from '../../disk/qcow2.js';
import { moveRaw } from '../../disk/raw-copy.js';
import { DamagedRecord, readRecord, syncFile, writeDurably } from '../../durable-file.js';
import { codeOf, PodmanBootcError } from '../../errors.js';
import { isThere, namesIn } from '../../paths.js';
import type { PodmanEngine } from '../../podman/engine.js';
import { baseKey, differences, type BaseParts } from './base-key.js';
import { findBaseUsers, forgetMarks } from './base-users.js';
import { makeDirectory, type Directories } from '../host/directories.js';
import type { Host } from '../host/host.js';
import { HeldLocks, isLocked, tryLock } from '../host/lock.js';
import { allowQemuToRead } from '../host/qemu-access.js';

/** What is written beside a base disk: before the install as its journal, and again when the disk is complete. */
interface BaseRecord {
  parts: BaseParts;
  /** ISO 8601 time. */
  created: string;
  /** While it is installed: what a crash leaves to be ended. */
  install?: {
    engine: PodmanEngine;
    partialDisk: string;
    /** A directory elsewhere that the install is done in, and which is removed afterwards. */
    scratch?: string;
  };
  /** Once it is complete: its length in bytes, and a hash of its beginning, which holds all of its tables. */
  content?: { size: number; head: string };
}

/** A base disk: an installed image that VMs are overlays of. Nobody writes to it. */
export interface BaseDisk {
  key: string;
  path: string;
  parts: BaseParts;
  /** ISO 8601 time. */
  created: string;
}

/** One that nobody removes until it is disposed of. */
export type HeldBaseDisk = BaseDisk & AsyncDisposable;

/** A base disk as `disk ls` shows it. */
export interface ListedBaseDisk extends Omit<BaseDisk, 'parts'> {
  /** Undefined where its record cannot be read. */
  parts: BaseParts | undefined;
  state: 'ready' | 'building' | 'interrupted' | 'damaged';
  /** Bytes. */
  allocated: number;
  /** Bytes. */
  apparent: number;
  /** Names of the VMs, or of other domains, that need it. */
  users: string[];
  /** What is wrong with a damaged one, as a sentence without its full stop. */
  damage?: string;
}

const headLength = 1024 * 1024;

function basesDirectory(directories: Directories): string {
  return join(directories.cache, 'bases');
}

/** The files of one base disk. */
class BaseDirectory {
  readonly path: string;
  readonly disk: string;
  readonly #record: string;

  constructor(
    directories: Directories,
    readonly key: string,
  ) {
    this.path = join(basesDirectory(directories), key);
    this.disk = join(this.path, 'disk.raw');
    this.#record = join(this.path, 'base.json');
  }

  /**
   * What is known of it; undefined when nothing is and there is no disk. A disk without its record is as good as one whose
   * record cannot be read: nothing says what it is, and that is no reason to delete it.
   */
  async read(): Promise<BaseRecord | DamagedRecord | undefined> {
    const record = await readRecord(this.#record, async (value) => {
      const { baseRecordSchema, checkRecord } = await import('../files/records.js');
      const read = checkRecord(baseRecordSchema, value) as BaseRecord;
      // Without either it would pass for one that was begun, and its disk for a leftover.
      if (!read.content && !read.install)
        throw new Error('it says neither that the disk is complete nor how it is made');
      return read;
    });
    if (record !== undefined || !(await isThere(this.disk))) return record;
    return new DamagedRecord(this.#record, 'is gone');
  }

  async write(record: BaseRecord): Promise<void> {
    await writeDurably(this.#record, `${JSON.stringify(record, null, 2)}\n`, 0o644);
  }

  /** All at once under another name, so that a crash leaves no disk that has lost its record. */
  async remove(): Promise<void> {
    const doomed = `${this.path}${doomedMark}${randomBytes(4).toString('hex')}`;
    try {
      await rename(this.path, doomed);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return;
      throw error;
    }
    await rm(doomed, { recursive: true, force: true });
  }
}

/** In the name of what is being deleted. */
const doomedMark = '.removed-';

function lockName(key: string): string {
  return `base-${key}`;
}

/** How a base disk is made when there is none. */
export interface BaseInstallation {
  engine: PodmanEngine;
  /** A directory to install in, from which the disk is then moved; default: where it stays. */
  scratch?: string | undefined;
  /** Installs to `disk` by way of `partialDisk`, in the same directory. */
  install: (disk: string, partialDisk: string) => Promise<void>;
}

/**
 * Finds the base disk for these parts or makes it. Until it is disposed of nobody can remove it, so that something may be
 * done with it that makes it needed (an overlay, say). Of several processes that ask for one, the first makes it and the
 * others wait.
 * @throws PodmanBootcError `BASE_DAMAGED` and whatever the installation throws
 */
export async function holdBaseDisk(
  host: Host,
  parts: BaseParts,
  installation: BaseInstallation,
  signal?: AbortSignal,
): Promise<HeldBaseDisk> {
  const key = baseKey(parts);
  host.report.debug(`Base disk ${key}: ${JSON.stringify(parts)}`);
  const directory = new BaseDirectory(host.directories, key);
  await using locks = new HeldLocks();
  await locks.acquire(host, lockName(key), {
    what: `the base disk of ${parts.reference}`,
    signal,
    // Of one that is complete, overlays are made; only an install takes its time.
    brief: isComplete(await directory.read()),
  });
  let record = await directory.read();
  if (record instanceof DamagedRecord)
    throw damagedError(directory.disk, parts.reference, String(record), 'install');
  if (record?.content === undefined) {
    await undoUnfinished(host, directory, record);
    await explainNewBase(host, parts);
    record = await build(host, directory, parts, installation);
  } else {
    await allowQemuToRead(host, directory.disk);
    await requireIntact(directory.disk, record, 'install');
    host.report.debug(`Using the base disk ${directory.disk} of ${record.created}`);
  }
  const held = locks.move();
  return {
    key,
    path: directory.disk,
    parts,
    created: record.created,
    [Symbol.asyncDispose]: () => held[Symbol.asyncDispose](),
  };
}

function isComplete(record: BaseRecord | DamagedRecord | undefined): boolean {
  return record !== undefined && !(record instanceof DamagedRecord) && record.content !== undefined;
}

async function build(
  host: Host,
  directory: BaseDirectory,
  parts: BaseParts,
  installation: BaseInstallation,
): Promise<BaseRecord> {
  const created = new Date().toISOString();
  const scratch =
    installation.scratch === undefined
      ? undefined
      : join(installation.scratch, `podman-bootc-${directory.key}`);
  const installed = scratch === undefined ? directory.disk : join(scratch, 'disk.raw');
  // New each time: a client that outlives its parent must not write to a later attempt's disk.
  const partialDisk = `${installed}.${randomBytes(4).toString('hex')}.partial`;
  const { engine } = installation;
  await makeDirectory(directory.path, host.directories);
  const begun = {
    parts,
    created,
    install: { engine, partialDisk, ...(scratch !== undefined && { scratch }) },
  };
  await directory.write(begun);
  try {
    if (scratch !== undefined) await mkdir(scratch, { recursive: true, mode: 0o700 });
    await installation.install(installed, partialDisk);
    if (scratch !== undefined) {
      await moveRaw(installed, directory.disk);
      await rm(scratch, { recursive: true, force: true });
    }
    await allowQemuToRead(host, directory.disk);
    const { size } = await stat(directory.disk);
    // What is on record as complete is so after a loss of power too.
    await syncFile(directory.disk);
    const record = { parts, created, content: { size, head: await hashHead(directory.disk) } };
    await directory.write(record);
    return record;
  } catch (error) {
    // Without a partial disk podman has not been called yet.
    if (await isThere(partialDisk)) await cleanUpUnfinished(host, directory, begun);
    else {
      if (scratch !== undefined) await rm(scratch, { recursive: true, force: true });
      await directory.remove();
    }
    throw error;
  }
}

/** One line when the image has been installed already, but in another way. */
async function explainNewBase(host: Host, wanted: BaseParts): Promise<void> {
  const [nearest] = (await completeBasesOf(host.directories, wanted.imageId))
    .map(({ parts }) => differences(wanted, parts))
    .filter((each) => each.length > 0)
    .sort((a, b) => a.length - b.length);
  if (nearest)
    host.report.info(`The image was installed before, but with other options: ${nearest.join('; ')}`);
}

/** The names under which base disks of an image were made that are complete, the oldest first. */
export async function installedReferences(directories: Directories, imageId: string): Promise<string[]> {
  return (await completeBasesOf(directories, imageId))
    .sort((a, b) => a.created.localeCompare(b.created) || a.parts.reference.localeCompare(b.parts.reference))
    .map(({ parts }) => parts.reference);
}

async function completeBasesOf(directories: Directories, imageId: string): Promise<BaseRecord[]> {
  return (await listRecords(directories))
    .flatMap(({ record }) => (record === undefined || record instanceof DamagedRecord ? [] : [record]))
    .filter(({ content, parts }) => content !== undefined && parts.imageId === imageId);
}

async function listRecords(
  directories: Directories,
): Promise<{ directory: BaseDirectory; record: BaseRecord | DamagedRecord | undefined }[]> {
  const names = await namesIn(basesDirectory(directories));
  return Promise.all(
    names
      .filter((name) => /^[0-9a-f]{24}$/.test(name))
      .sort()
      .map(async (key) => {
        const directory = new BaseDirectory(directories, key);
        return { directory, record: await directory.read() };
      }),
  );
}

async function hashHead(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const head = Buffer.alloc(headLength);
    const { bytesRead } = await file.read(head, 0, headLength, 0);
    return createHash('sha256').update(head.subarray(0, bytesRead)).digest('hex');
  } finally {
    await file.close();
  }
}

/** Why a base disk must not be used; undefined when it is what was installed. */
async function damageOf(disk: string, record: BaseRecord): Promise<string | undefined> {
  try {
    const { size } = await stat(disk);
    if (size !== record.content?.size) return `it has ${size} bytes instead of ${record.content?.size ?? 0}`;
    return (await hashHead(disk)) === record.content.head ? undefined : 'its beginning was changed';
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 'it is gone';
    throw error;
  }
}

async function requireIntact(
  disk: string,
  record: BaseRecord,
  failureClass: 'install' | 'boot',
): Promise<void> {
  const damage = await damageOf(disk, record);
  if (damage !== undefined) throw damagedError(disk, record.parts.reference, damage, failureClass);
}

function damagedError(
  disk: string,
  reference: string,
  damage: string,
  failureClass: 'install' | 'boot',
): PodmanBootcError {
  return new PodmanBootcError(
    failureClass,
    'BASE_DAMAGED',
    `The base disk ${disk} of ${reference} is damaged: ${damage}`,
    {
      remedy:
        'Nothing was deleted. VMs made from it need it back from a backup; without any, `podman-bootc disk prune --all` removes it',
    },
  );
}

/**
 * Checks what a VM's disk is an overlay of, before QEMU boots from it.
 * @param backing the path that its header names
 * @throws PodmanBootcError `BASE_DAMAGED`
 */
export async function checkBacking(host: Host, backing: string): Promise<void> {
  let file: Stats;
  try {
    file = await stat(backing);
  } catch (cause) {
    throw new PodmanBootcError('boot', 'BASE_DAMAGED', `The base disk ${backing} is gone`, {
      remedy: 'The VM cannot boot without it: put it back, or remove the VM with `podman-bootc rm`',
      cause,
    });
  }
  for (const { directory, record } of await listRecords(host.directories)) {
    // A record that cannot be read says nothing against the disk.
    if (record === undefined || record instanceof DamagedRecord || !record.content) continue;
    const own = await stat(directory.disk).catch(() => undefined);
    if (own?.dev !== file.dev || own.ino !== file.ino) continue;
    await allowQemuToRead(host, backing);
    await requireIntact(backing, record, 'boot');
  }
}

/** Removes what is left of base disks whose makers were killed, and says which records cannot be read. */
export async function recoverBases(host: Host): Promise<void> {
  for (const { directory, record } of await listRecords(host.directories)) {
    if (record instanceof DamagedRecord) {
      host.report.warn(`${String(record)}; the base disk beside it is left alone`);
      continue;
    }
    if (record?.content !== undefined) continue;
    await using lock = await tryLock(host, lockName(directory.key));
    if (lock) await undoUnfinished(host, directory, await directory.read());
  }
  await removeDoomed(host.directories);
}

/** Several may do it at once: it has been decided. */
async function removeDoomed(directories: Directories): Promise<void> {
  const bases = basesDirectory(directories);
  for (const name of await readdir(bases).catch(() => [])) {
    if (name.includes(doomedMark)) await rm(join(bases, name), { recursive: true, force: true });
  }
}

async function undoUnfinished(
  host: Host,
  directory: BaseDirectory,
  record: BaseRecord | DamagedRecord | undefined,
): Promise<void> {
  if (record instanceof DamagedRecord || record?.content !== undefined) return;
  if (record?.install)
    host.report.info(`Cleaning up after an interrupted install of ${record.parts.reference}`);
  await cleanUpUnfinished(host, directory, record);
}

/** What cannot be cleaned up yet, because its podman does not answer, is kept on record for the next command. */
async function cleanUpUnfinished(
  host: Host,
  directory: BaseDirectory,
  record: BaseRecord | undefined,
): Promise<void> {
  if (record?.install) {
    const { engine, partialDisk, scratch } = record.install;
    const isClean = await cleanUpInstall(engine, record.parts.reference, partialDisk, host.report);
    if (scratch !== undefined) await rm(scratch, { recursive: true, force: true });
    if (!isClean) return;
  }
  await directory.remove();
}

/** All base disks, oldest first. Takes no lock. */
export async function listBases(host: Host): Promise<ListedBaseDisk[]> {
  const [records, usersOf] = await Promise.all([listRecords(host.directories), findBaseUsers(host)]);
  const listed = await Promise.all(
    records.map(async ({ directory, record }): Promise<ListedBaseDisk | undefined> => {
      if (!record) return undefined;
      const { key, disk: path } = directory;
      const common = { key, path, users: await usersOf({ key, path }) };
      if (record instanceof DamagedRecord) {
        const created = (await stat(path).catch(() => stat(directory.path))).mtime.toISOString();
        const damage = String(record);
        return { ...common, parts: undefined, created, state: 'damaged', damage, ...(await fileSize(path)) };
      }
      const { parts, created } = record;
      const complete = record.content !== undefined;
      const building = !complete && (await isLocked(host, lockName(key)));
      const damage = complete ? await damageOf(path, record) : undefined;
      return {
        ...common,
        parts,
        created,
        state: damage !== undefined ? 'damaged' : complete ? 'ready' : building ? 'building' : 'interrupted',
        ...(damage !== undefined && { damage }),
        ...(await fileSize(complete ? path : (record.install?.partialDisk ?? path))),
      };
    }),
  );
  return listed
    .filter((base) => base !== undefined)
    .sort((a, b) => a.created.localeCompare(b.created) || a.key.localeCompare(b.key));
}

/**
 * The base disks that nothing needs: with `all` every one, else those that a newer one of the same reference has
 * replaced. That something is damaged, a record perhaps, is no reason to delete a disk.
 */
export async function unusedBases(host: Host, all: boolean): Promise<ListedBaseDisk[]> {
  const bases = await listBases(host);
  return bases.filter((base, index) => {
    if (base.users.length > 0 || base.state === 'building') return false;
    const replaced = bases
      .slice(index + 1)
      .some((newer) => newer.state === 'ready' && newer.parts?.reference === base.parts?.reference);
    return all || (replaced && base.state !== 'damaged') || base.state === 'interrupted';
  });
}

/**
 * Removes a base disk unless something needs it, which is asked again under its lock.
 * @returns whether it is gone now
 */
export async function removeBase(host: Host, key: string): Promise<boolean> {
  await using lock = await tryLock(host, lockName(key));
  if (!lock) return false;
  const directory = new BaseDirectory(host.directories, key);
  if ((await (await findBaseUsers(host))({ key, path: directory.disk })).length > 0) return false;
  await directory.remove();
  await forgetMarks(host, key);
  return true;
}
