import { stat } from 'node:fs/promises';
import { DamagedRecord } from '../durable-file.js';
import { PodmanBootcError } from '../errors.js';
import { namesIn } from '../paths.js';
import { disksDirectory, vmsDirectory } from './host/directories.js';
import type { Host } from './host/host.js';
import { idOf, isIdOf } from './identity.js';
import { disksAreGone, isOf, readKeptDefinition, type KeptDefinition } from './files/kept-definition.js';
import { VmDirectory } from './files/vm-directory.js';

/** What libvirt no longer has, and the disk and keys are there: somebody undefined it, or libvirt was installed anew. */
export interface LeftBehindVirtualMachine {
  id: string;
  uuid: string;
  /** As it was last called; undefined when nothing says that. */
  name: string | undefined;
  /** Reference of its image; likewise. */
  image: string | undefined;
  state: 'left behind';
  /** Its disk, if it is where podman-bootc keeps disks. */
  disk: string | undefined;
  /** Where its keys and logs are. */
  directory: string;
  /** When what is left was changed last: ISO 8601. */
  since: string;
  /** Why it cannot be adopted, as the rest of a sentence that begins with the VM; undefined when it can. */
  obstacle: string | undefined;
}

const uuidPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * The VMs whose files are here and whose domain this libvirt does not have, and that nobody is making or removing. One whose
 * record names another libvirt is that one's, and not listed. Takes no lock.
 */
export async function listLeftBehind(host: Host): Promise<LeftBehindVirtualMachine[]> {
  const uuids = host.features.files ? await uuidsOnDisk(host) : [];
  if (uuids.length === 0) return [];
  const domains = new Set((await host.connection.listAllDomains()).map(({ uuid }) => uuid));
  const found = await Promise.all(
    uuids.filter((uuid) => !domains.has(uuid)).map((uuid) => describe(host, uuid)),
  );
  return found
    .filter((vm) => vm !== undefined)
    .sort((a, b) => a.since.localeCompare(b.since) || a.uuid.localeCompare(b.uuid));
}

/** All uuids that have a directory or a disk where the VMs of this libvirt have theirs. */
export async function uuidsOnDisk({ directories }: Pick<Host, 'directories'>): Promise<string[]> {
  const [vms, disks] = await Promise.all([
    namesIn(vmsDirectory(directories)),
    namesIn(disksDirectory(directories)),
  ]);
  const names = [...vms, ...disks.map((name) => name.replace(/\.(?:qcow2|raw)$/, ''))];
  return [...new Set(names.filter((name) => uuidPattern.test(name)))].sort();
}

async function describe(host: Host, uuid: string): Promise<LeftBehindVirtualMachine | undefined> {
  const directory = VmDirectory.of(host.directories, uuid);
  const [kept, journal, there, disk] = await Promise.all([
    readKeptDefinition(directory),
    directory.readJournal(),
    directory.whatIsThere(),
    directory.findDisk(),
  ]);
  // Gone meanwhile, somebody's work in progress, or another libvirt's.
  if (there === undefined || (journal && !(journal instanceof DamagedRecord))) return undefined;
  const known = kept instanceof DamagedRecord ? undefined : kept;
  if (known && !isOf(host, known)) return undefined;
  const obstacle = await obstacleOf(kept, journal, disk, directory);
  return {
    id: idOf(uuid),
    uuid,
    name: known?.name,
    image: known?.image,
    state: 'left behind',
    disk,
    directory: directory.path,
    since: (await stat(there)).mtime.toISOString(),
    obstacle,
  };
}

async function obstacleOf(
  kept: KeptDefinition | DamagedRecord | undefined,
  journal: DamagedRecord | undefined,
  disk: string | undefined,
  directory: VmDirectory,
): Promise<string | undefined> {
  if (journal) return `has a damaged journal: ${String(journal)}`;
  if (kept instanceof DamagedRecord) return `has a damaged record: ${String(kept)}`;
  if (!kept) {
    return `has no record of what it was (${directory.keptDefinition}): it was made before podman-bootc kept one, or is another libvirt's`;
  }
  if (disk === undefined && (await disksAreGone(kept))) return 'has lost its disk';
  return undefined;
}

/**
 * Finds what is left of a VM by the name that it had last, or by its ID or the beginning of it.
 * @throws PodmanBootcError `VM_AMBIGUOUS`
 */
export async function findLeftBehind(
  host: Host,
  nameOrId: string,
): Promise<LeftBehindVirtualMachine | undefined> {
  const all = await listLeftBehind(host);
  const named = all.filter(({ name }) => name === nameOrId);
  const candidates = named.length > 0 ? named : all.filter(({ uuid }) => isIdOf(nameOrId, uuid));
  if (candidates.length <= 1) return candidates[0];
  throw new PodmanBootcError(
    'usage',
    'VM_AMBIGUOUS',
    `What is left of more than one VM is called '${nameOrId}': ${candidates.map(({ id }) => id).join(', ')}`,
    { remedy: 'Give more digits of the ID' },
  );
}

/** That a VM's files are there and its domain is not, for whoever wants to use the VM or to make one in its place. */
export function leftBehindError(
  host: Host,
  { id, name, disk, directory, obstacle }: LeftBehindVirtualMachine,
): PodmanBootcError {
  const called = name ?? id;
  const remove = `remove it with \`podman-bootc rm ${obstacle === undefined ? '' : '--force '}${id}\``;
  return new PodmanBootcError(
    'usage',
    'VM_LEFT_BEHIND',
    `libvirt (${host.uri}) no longer has the VM ${called}, but ${disk === undefined ? `its files are there: ${directory}` : `its disk is there: ${disk}`}; nothing was changed`,
    {
      remedy:
        obstacle === undefined
          ? `Adopt it again with \`podman-bootc adopt ${id}\`, or ${remove}`
          : `It ${obstacle}. Look at it, or ${remove}`,
    },
  );
}

/**
 * Makes sure that nothing is there of a VM that is about to be made: what we did not make now is not written to. The caller
 * holds the lock of the uuid.
 * @throws PodmanBootcError `VM_LEFT_BEHIND`
 */
export async function requireNothingThere(host: Host, uuid: string): Promise<void> {
  const directory = VmDirectory.of(host.directories, uuid);
  const there = await directory.whatIsThere();
  if (there === undefined) return;
  const known = await describe(host, uuid);
  if (known) throw leftBehindError(host, known);
  throw new PodmanBootcError(
    'usage',
    'VM_LEFT_BEHIND',
    `${there} is there already, and belongs to a VM of another libvirt or one that is half removed; nothing was changed`,
    { remedy: `Look at it, and move it away when nothing needs it` },
  );
}
