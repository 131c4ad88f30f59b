import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileSize, readQcow2 } from '../../disk/qcow2.js';
import { readDomain, type DomainDescription } from '../../domain/edit.js';
import { DamagedRecord, readRecord, writeDurably } from '../../durable-file.js';
import { codeOf } from '../../errors.js';
import { isLibvirtError, type Domain } from '../../libvirt/index.js';
import { fileIdentity, isThere, namesIn } from '../../paths.js';
import {
  allDirectories,
  disksDirectory,
  makeDirectory,
  vmsDirectory,
  type Directories,
} from '../host/directories.js';
import type { Host } from '../host/host.js';
import { readKeptDefinition } from '../files/kept-definition.js';
import { libvirtIdentity } from '../host/libvirt-identity.js';
import { readPlace, requirePlace } from '../host/place.js';
import { VmDirectory } from '../files/vm-directory.js';

/*
 * Who needs a base disk. It is asked of everybody who could know, and whoever cannot be asked needs it: a base that is kept for
 * nothing costs space, one that is missing costs a VM.
 */

/** A base disk, for those who ask who needs it. */
export interface BaseFile {
  key: string;
  path: string;
}

/** A mark beside the base disks: that a VM's disk is an overlay of one. Seen by everybody who shares the cache directory. */
interface BaseUser {
  uuid: string;
  name: string;
  uri: string;
  /** The data directory that the VM belongs to; see `place.ts`. */
  place: string;
  disk: string;
  directory: string;
}

function marksDirectory(directories: Directories, key?: string): string {
  return join(directories.cache, 'users', ...(key === undefined ? [] : [key]));
}

/**
 * Marks a base disk as needed by a VM that is about to be made. The caller holds the base's lock.
 * @param disk where the VM's disk will be
 */
export async function markBase(
  host: Host,
  key: string,
  vm: { uuid: string; name: string; directory: VmDirectory; disk: string },
): Promise<void> {
  const { directories } = host;
  const place = await requirePlace(directories);
  const mark: BaseUser = {
    uuid: vm.uuid,
    name: vm.name,
    uri: host.uri,
    place,
    disk: vm.disk,
    directory: vm.directory.path,
  };
  await makeDirectory(marksDirectory(directories, key), directories);
  await writeDurably(
    join(marksDirectory(directories, key), markName(host, place, vm.uuid)),
    JSON.stringify(mark),
  );
}

/** The same VM may be in several places: the unnamed one of an image has the same uuid everywhere. */
function markName({ libvirt }: Pick<Host, 'libvirt'>, place: string, uuid: string): string {
  const where = createHash('sha256')
    .update(JSON.stringify([place, libvirt]))
    .digest('hex');
  return `${uuid}-${where.slice(0, 12)}.json`;
}

/** Takes the marks of a VM away, whose disk is gone. */
export async function unmarkBases(host: Host, uuid: string): Promise<void> {
  const place = await readPlace(host.directories);
  if (place === undefined) return;
  for (const key of await namesIn(marksDirectory(host.directories))) {
    await rm(join(marksDirectory(host.directories, key), markName(host, place, uuid)), { force: true });
  }
}

/** Takes all marks of a base disk away, which is gone. */
export async function forgetMarks(host: Host, key: string): Promise<void> {
  await rm(marksDirectory(host.directories, key), { recursive: true, force: true });
}

/** Somebody who needs base disks, and what is known of which. */
interface User {
  name: string;
  uuid?: string;
  /** Files that its disks are, or are overlays of: device and inode. */
  files: ReadonlySet<string>;
  /** Keys of base disks that a record of it, or the path of a file that is not there, names. */
  keys: ReadonlySet<string>;
  /** Its definition, which may name a base disk in ways unforeseen. */
  text?: string;
  /** It could not be asked: it needs every base disk. */
  unknown?: boolean;
}

/**
 * Finds out who needs base disks: domains of this libvirt, by their disks and our record in them; overlays in the
 * directories of disks, records and journals of all libvirts of this user; marks of everybody who shares the cache directory.
 * @returns for a base disk, the names of those who need it
 */
export async function findBaseUsers(host: Host): Promise<(base: BaseFile) => Promise<string[]>> {
  const domains = await host.connection.listAllDomains();
  const ofDomains = (await Promise.all(domains.map(userOfDomain))).filter((user) => user !== undefined);
  const users = [...ofDomains, ...(await usersOnDisk(host.directories))];
  // A disk alone has only the uuid to be called by; a record beside the keys, or a domain, knows better.
  const recorded = new Map(
    users.map(({ uuid, name }) => [uuid, name] as const).filter(([uuid, name]) => uuid !== name),
  );
  const nameOf = ({ uuid, name }: User): string =>
    domains.find((domain) => domain.uuid === uuid)?.name ?? recorded.get(uuid) ?? name;
  return async (base) => {
    const file = await fileIdentity(base.path);
    const needing = users.filter(
      (user) =>
        user.unknown === true ||
        user.keys.has(base.key) ||
        (file !== undefined && user.files.has(file)) ||
        user.text?.includes(base.path) === true,
    );
    return [...new Set([...needing.map(nameOf), ...(await marksOf(host, base, domains))])];
  };
}

async function userOfDomain(domain: Domain): Promise<User | undefined> {
  const { name, uuid } = domain;
  let text: string;
  try {
    text = await domain.getXml({ inactive: true });
  } catch (error) {
    if (isLibvirtError(error, 'VIR_ERR_NO_DOMAIN')) return undefined;
    return { name, uuid, files: new Set(), keys: new Set(), unknown: true };
  }
  const description = describe(text);
  const { metadata } = description ?? {};
  const below = await filesBelow(description ? [...description.diskPaths, ...description.backingPaths] : []);
  // A copy in the raw format needs nothing any longer.
  if (metadata?.disk?.format === 'qcow2' && metadata.disk.base !== undefined)
    below.keys.add(metadata.disk.base);
  return { name, uuid, ...below, text };
}

/** Undefined for a definition that cannot be read: its text has to do. */
function describe(text: string): DomainDescription | undefined {
  try {
    return readDomain(text);
  } catch {
    return undefined;
  }
}

async function usersOnDisk(directories: Directories): Promise<User[]> {
  const users = await Promise.all(
    (await allDirectories(directories)).map(async (each) => {
      const [disks, uuids] = await Promise.all([namesIn(disksDirectory(each)), namesIn(vmsDirectory(each))]);
      const recorded = await Promise.all(uuids.map((uuid) => userOfDirectory(each, uuid)));
      return [...recorded, ...(await Promise.all(disks.map((name) => userOfDisk(each, name))))];
    }),
  );
  return users.flat().filter((user) => user !== undefined);
}

async function userOfDisk(directories: Directories, name: string): Promise<User | undefined> {
  if (!name.endsWith('.qcow2')) return undefined;
  const path = join(disksDirectory(directories), name);
  const uuid = basename(name, '.qcow2').replace(/\.update$/, '');
  // One that is being made is an overlay of nothing yet; its journal names the base.
  if ((await fileSize(path)).apparent === 0) return undefined;
  const isReadable = await readQcow2(path).then(
    () => true,
    (error: unknown) => codeOf(error) === 'ENOENT',
  );
  return { name: uuid, uuid, ...(await filesBelow([path])), ...(!isReadable && { unknown: true }) };
}

async function userOfDirectory(directories: Directories, uuid: string): Promise<User | undefined> {
  const directory = VmDirectory.of(directories, uuid);
  const [journal, kept] = await Promise.all([directory.readableJournal(), readKeptDefinition(directory)]);
  const keys = new Set<string>();
  if (journal) {
    if (journal.operation === 'remove') return undefined;
    if (journal.base !== undefined) keys.add(journal.base);
    return { name: journal.name, uuid, files: new Set(), keys };
  }
  if (!kept || kept instanceof DamagedRecord) return undefined;
  if (kept.base !== undefined) keys.add(kept.base);
  return { name: kept.name, uuid, files: new Set(), keys };
}

/** Overlays of overlays are rare; one that goes round in a circle is damaged. */
const deepestChain = 16;

/**
 * What files are, and are overlays of, by device and inode: a path may be spelled in many ways, and lead elsewhere in a
 * container. Of what cannot be reached under its path, the path has the key of a base disk in it.
 */
async function filesBelow(paths: readonly string[]): Promise<{ files: Set<string>; keys: Set<string> }> {
  const files = new Set<string>();
  const keys = new Set<string>();
  for (const path of paths) {
    let current: string | undefined = path;
    for (let depth = 0; current !== undefined && depth < deepestChain; depth++) {
      keys.add(basename(dirname(current)));
      const file = await fileIdentity(current);
      if (file === undefined) break;
      files.add(file);
      const backing = await backingOf(current);
      current = backing === undefined ? undefined : resolve(dirname(current), backing);
    }
  }
  return { files, keys };
}

async function backingOf(path: string): Promise<string | undefined> {
  return (await readQcow2(path).catch(() => undefined))?.backing;
}

/** Who has marked a base disk, and may still need it. */
async function marksOf(host: Host, { key }: BaseFile, domains: readonly Domain[]): Promise<string[]> {
  const place = await readPlace(host.directories);
  const directory = marksDirectory(host.directories, key);
  const names = await Promise.all(
    (await namesIn(directory)).map(async (file) => {
      if (!file.endsWith('.json')) return undefined;
      const mark = await readRecord(join(directory, file), async (value) => {
        const { baseUserSchema, checkRecord } = await import('../files/records.js');
        return checkRecord(baseUserSchema, value);
      });
      if (mark === undefined) return undefined;
      if (mark instanceof DamagedRecord) return `unknown (${file})`;
      if (mark.place !== place) return `${mark.name} (elsewhere)`;
      return (await isStale(host, mark, domains)) ? undefined : mark.name;
    }),
  );
  return names.filter((name) => name !== undefined);
}

/** Whether the VM of a mark of ours is gone, with disk and directory: it was killed before it had taken its mark away. */
async function isStale(host: Host, mark: BaseUser, domains: readonly Domain[]): Promise<boolean> {
  const isHere = libvirtIdentity(mark.uri) === host.libvirt;
  if (isHere && domains.some(({ uuid }) => uuid === mark.uuid)) return false;
  return !(await isThere(mark.disk)) && !(await isThere(mark.directory));
}
