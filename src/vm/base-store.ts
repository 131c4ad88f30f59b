import { createHash, randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cleanUpInstall } from '../bootc/install.js';
import { fileSize, readQcow2 } from '../disk/qcow2.js';
import { moveRaw } from '../disk/raw-copy.js';
import { codeOf, PodmanBootcError } from '../errors.js';
import type { PodmanEngine } from '../podman/engine.js';
import { baseKey, differences, type BaseParts } from './base-disk.js';
import { disksDirectory, makeDirectory, vmsDirectory, type Directories } from './directories.js';
import type { Host } from './host.js';
import { acquireLock, isLocked, tryLock } from './lock.js';
import { VmDirectory } from './vm-directory.js';

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

/** A base disk as `disk ls` shows it. */
export interface ListedBaseDisk extends BaseDisk {
  state: 'ready' | 'building' | 'interrupted' | 'damaged';
  /** Bytes. */
  allocated: number;
  /** Bytes. */
  apparent: number;
  /** Names of the VMs, or of other domains, that need it. */
  users: string[];
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

  async read(): Promise<BaseRecord | undefined> {
    try {
      return JSON.parse(await readFile(this.#record, 'utf8')) as BaseRecord;
    } catch (error) {
      // One that is not JSON is as good as none: nothing says what the disk would be.
      if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR' || error instanceof SyntaxError)
        return undefined;
      throw error;
    }
  }

  async write(record: BaseRecord): Promise<void> {
    const temporary = `${this.#record}.new`;
    await writeFile(temporary, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o644 });
    await rename(temporary, this.#record);
  }

  /** The record first: a directory without one is a rest, whatever else is in it. */
  async remove(): Promise<void> {
    await rm(this.#record, { force: true });
    await rm(this.path, { recursive: true, force: true });
  }
}

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
 * Finds the base disk for these parts or makes it, and does something with it that makes it needed (an overlay, say),
 * before anybody could remove it. Of several processes that ask for one, the first makes it and the others wait.
 * @throws PodmanBootcError `BASE_DAMAGED` and whatever the installation throws
 */
export async function withBaseDisk<T>(
  host: Host,
  parts: BaseParts,
  installation: BaseInstallation,
  use: (base: BaseDisk) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const key = baseKey(parts);
  host.report.debug(`Base disk ${key}: ${JSON.stringify(parts)}`);
  const directory = new BaseDirectory(host.directories, key);
  await using _lock = await acquireLock(host, lockName(key), {
    what: `the base disk of ${parts.reference}`,
    signal,
    // Of one that is complete, overlays are made; only an install takes its time.
    brief: (await directory.read())?.content !== undefined,
  });
  let record = await directory.read();
  if (record?.content === undefined) {
    await undoUnfinished(host, directory, record);
    await explainNewBase(host, parts);
    record = await build(host, directory, parts, installation);
  } else {
    await requireIntact(directory.disk, record, 'install');
    host.report.debug(`Using the base disk ${directory.disk} of ${record.created}`);
  }
  return await use({ key, path: directory.disk, parts, created: record.created });
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
    // Readable by QEMU's own user below the system daemon; written to by nobody.
    await chmod(directory.disk, 0o444);
    const { size } = await stat(directory.disk);
    const record = { parts, created, content: { size, head: await hashHead(directory.disk) } };
    await directory.write(record);
    return record;
  } catch (error) {
    // Without a partial disk podman has not been called yet.
    const hasBegun = await stat(partialDisk).then(
      () => true,
      () => false,
    );
    if (hasBegun) await cleanUpUnfinished(host, directory, begun);
    else {
      if (scratch !== undefined) await rm(scratch, { recursive: true, force: true });
      await directory.remove();
    }
    throw error;
  }
}

/** One line when the image has been installed already, but in another way. */
async function explainNewBase(host: Host, wanted: BaseParts): Promise<void> {
  const others = (await listRecords(host.directories)).filter(
    ({ record }) => record?.content !== undefined && record.parts.imageId === wanted.imageId,
  );
  const [nearest] = others
    .map(({ record }) => differences(wanted, record?.parts ?? wanted))
    .filter((each) => each.length > 0)
    .sort((a, b) => a.length - b.length);
  if (nearest)
    host.report.info(`The image was installed before, but with other options: ${nearest.join('; ')}`);
}

async function listRecords(
  directories: Directories,
): Promise<{ directory: BaseDirectory; record: BaseRecord | undefined }[]> {
  const keys = await readdir(basesDirectory(directories)).catch(() => []);
  return Promise.all(
    keys.sort().map(async (key) => {
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
  if (damage === undefined) return;
  throw new PodmanBootcError(
    failureClass,
    'BASE_DAMAGED',
    `The base disk ${disk} of ${record.parts.reference} is damaged: ${damage}`,
    {
      remedy:
        'Nothing was deleted. VMs made from it need it back from a backup; without any, `podman-bootc disk prune` removes it',
    },
  );
}

/**
 * Checks what a VM's disk is an overlay of, before QEMU boots from it.
 * @param backing the path that its header names
 * @throws PodmanBootcError `BASE_DAMAGED`
 */
export async function checkBacking(host: Host, backing: string): Promise<void> {
  const { record } =
    (await listRecords(host.directories)).find(({ directory }) => directory.disk === backing) ?? {};
  if (record?.content) await requireIntact(backing, record, 'boot');
  else
    await stat(backing).catch((cause: unknown) => {
      throw new PodmanBootcError('boot', 'BASE_DAMAGED', `The base disk ${backing} is gone`, {
        remedy: 'The VM cannot boot without it: put it back, or remove the VM with `podman-bootc rm`',
        cause,
      });
    });
}

/** Removes what is left of base disks whose makers were killed. */
export async function recoverBases(host: Host): Promise<void> {
  for (const { directory, record } of await listRecords(host.directories)) {
    if (record?.content !== undefined) continue;
    await using lock = await tryLock(host, lockName(directory.key));
    if (lock) await undoUnfinished(host, directory, await directory.read());
  }
}

async function undoUnfinished(
  host: Host,
  directory: BaseDirectory,
  record: BaseRecord | undefined,
): Promise<void> {
  if (record?.content !== undefined) return;
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

/**
 * Who needs each base disk, by its path: domains whose definition names it, overlays in this user's directory of disks
 * (also of another libvirt), and VMs that are being made.
 */
async function findUsers(host: Host): Promise<(path: string, key: string) => string[]> {
  const domains = await host.connection.listAllDomains();
  const definitions = await Promise.all(
    domains.map(async (domain) => ({
      user: domain.name,
      text: await domain.getXml({ inactive: true }).catch(() => ''),
    })),
  );
  const overlays = await overlaysOf(host.directories);
  const uuids = await readdir(vmsDirectory(host.directories)).catch(() => []);
  const journals = await Promise.all(
    uuids.map(async (uuid) => ({
      user: uuid,
      journal: await VmDirectory.of(host.directories, uuid)
        .readJournal()
        .catch(() => undefined),
    })),
  );
  const nameOf = (uuid: string): string => domains.find((domain) => domain.uuid === uuid)?.name ?? uuid;
  return (path, key) => [
    ...new Set([
      ...definitions.filter(({ text }) => text.includes(path)).map(({ user }) => user),
      ...overlays.filter(({ backing }) => backing === path).map(({ uuid }) => nameOf(uuid)),
      ...journals
        .filter(({ journal }) => journal && journal.operation !== 'remove' && journal.base === key)
        .map(({ user }) => nameOf(user)),
    ]),
  ];
}

async function overlaysOf(
  directories: Directories,
): Promise<{ uuid: string; backing: string | undefined }[]> {
  const names = await readdir(disksDirectory(directories)).catch(() => []);
  return Promise.all(
    names.map(async (name) => ({
      uuid: name.replace(/\.[^.]*$/, ''),
      // A damaged overlay names nothing; its domain's definition does.
      backing: (await readQcow2(join(disksDirectory(directories), name)).catch(() => undefined))?.backing,
    })),
  );
}

/** All base disks, oldest first. Takes no lock. */
export async function listBases(host: Host): Promise<ListedBaseDisk[]> {
  const [records, usersOf] = await Promise.all([listRecords(host.directories), findUsers(host)]);
  const listed = await Promise.all(
    records.map(async ({ directory, record }): Promise<ListedBaseDisk | undefined> => {
      if (!record) return undefined;
      const { key, disk } = directory;
      const complete = record.content !== undefined;
      const building = !complete && (await isLocked(host, lockName(key)));
      const damaged = complete && (await damageOf(disk, record)) !== undefined;
      return {
        key,
        path: disk,
        parts: record.parts,
        created: record.created,
        state: damaged ? 'damaged' : complete ? 'ready' : building ? 'building' : 'interrupted',
        ...(await fileSize(complete ? disk : (record.install?.partialDisk ?? disk))),
        users: usersOf(disk, key),
      };
    }),
  );
  return listed
    .filter((base) => base !== undefined)
    .sort((a, b) => a.created.localeCompare(b.created) || a.key.localeCompare(b.key));
}

/**
 * The base disks that nothing needs: with `all` every one, else those that a newer one of the same reference has
 * replaced, and damaged ones.
 */
export async function unusedBases(host: Host, all: boolean): Promise<ListedBaseDisk[]> {
  const bases = await listBases(host);
  return bases.filter((base, index) => {
    if (base.users.length > 0 || base.state === 'building') return false;
    const replaced = bases
      .slice(index + 1)
      .some((newer) => newer.state === 'ready' && newer.parts.reference === base.parts.reference);
    return all || replaced || base.state !== 'ready';
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
  if ((await findUsers(host))(directory.disk, key).length > 0) return false;
  await directory.remove();
  return true;
}
