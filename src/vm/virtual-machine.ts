import { readdir } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { parseXml } from '../domain/xml.js';
import { metadataNamespace, parseMetadata, type VmMetadata } from '../domain/metadata.js';
import { PodmanBootcError } from '../errors.js';
import { option } from '../option-text.js';
import { isLibvirtError, type Domain, type DomainState } from '../libvirt/index.js';
import type { LoginTarget } from '../ssh/target.js';
import { checkLoginName } from '../ssh/user.js';
import { vmsDirectory } from './host/directories.js';
import type { ConsoleSource } from './host/console-source.js';
import type { Host } from './host/host.js';
import { defaultName, idDigits, idOf, isIdOf, isIdPrefix, isName } from './identity.js';
import { libvirtIdentity } from './host/libvirt-identity.js';
import { isLocked } from './host/lock.js';
import { VmDirectory } from './files/vm-directory.js';

/** A VM: a libvirt domain that carries our metadata. */
export interface VirtualMachine {
  domain: Domain;
  /** The first 12 hex digits of its uuid. */
  id: string;
  uuid: string;
  name: string;
  metadata: VmMetadata;
}

/** A VM as `list` shows it. */
export interface ListedVirtualMachine extends VirtualMachine {
  /** Libvirt's name for its state: `running`, `paused`, `shut off`… */
  state: DomainState;
  /** What it has now, or when it does not run, will start with. */
  cpus: number;
  /** Bytes, likewise. */
  memory: number;
}

/** Whether a domain in this state has a QEMU process; one that is gone (undefined) has none. */
export function isActiveState(state: DomainState | undefined): boolean {
  return state !== undefined && state !== 'shut off' && state !== 'crashed' && state !== 'no state';
}

/**
 * The state of a VM, waiting out the moment in which libvirt starts its QEMU: then it is paused by name, and about
 * to run or to fail.
 */
export async function settledState(domain: Domain): Promise<DomainState> {
  for (;;) {
    const { state, reason } = await domain.getState();
    if (state !== 'paused' || reason !== 'starting-up') return state;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The same; undefined when the domain is gone, as that of a transient VM is when it ends. */
export async function stateOf(vm: VirtualMachine): Promise<DomainState | undefined> {
  try {
    return await settledState(vm.domain);
  } catch (error) {
    if (isLibvirtError(error, 'VIR_ERR_NO_DOMAIN')) return undefined;
    throw error;
  }
}

/**
 * The state of a VM that has to have a QEMU process.
 * @param otherwise what else can be done with one that has none, as the end of a sentence
 * @throws PodmanBootcError `VM_NOT_RUNNING`, `VM_NOT_FOUND`
 */
export async function requireActive(vm: VirtualMachine, otherwise = ''): Promise<DomainState> {
  const state = await stateOf(vm);
  if (state === undefined) throw goneError(vm);
  if (isActiveState(state)) return state;
  throw new PodmanBootcError('usage', 'VM_NOT_RUNNING', `The VM ${vm.name} is ${state}`, {
    remedy: `Start it with \`podman-bootc start ${vm.id}\`${otherwise}`,
  });
}

/** For what is asked of a VM that may have ended meanwhile; a transient one is gone then. */
export function ignoreNotRunning(error: unknown): void {
  if (!isLibvirtError(error, 'VIR_ERR_OPERATION_INVALID') && !isLibvirtError(error, 'VIR_ERR_NO_DOMAIN'))
    throw error;
}

/** Reads a domain as a VM; undefined when it is not one of ours. */
export async function asVirtualMachine(domain: Domain): Promise<VirtualMachine | undefined> {
  const vm = await readRecordOf(domain);
  return vm && isCopy(vm) ? undefined : vm;
}

async function readRecordOf(domain: Domain): Promise<VirtualMachine | undefined> {
  const xml = await domain.getMetadata(metadataNamespace);
  if (xml === null) return undefined;
  return {
    domain,
    id: idOf(domain.uuid),
    uuid: domain.uuid,
    name: domain.name,
    metadata: parseMetadata(parseXml(xml)),
  };
}

/**
 * Whether a domain has its record from another one: virt-clone copies it. It has a disk of its own, and neither keys nor a port:
 * what the record says is true of the other.
 */
function isCopy({ uuid, metadata }: VirtualMachine): boolean {
  const recorded =
    metadata.uuid ??
    /([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.[a-z0-9]+$/.exec(metadata.disk?.path ?? '')?.[1];
  return recorded !== undefined && recorded !== uuid;
}

/** The same with what changes while it runs. */
export async function asListed(domain: Domain): Promise<ListedVirtualMachine | undefined> {
  const [vm, { state, vcpus, memory }] = await Promise.all([asVirtualMachine(domain), domain.getInfo()]);
  return vm && { ...vm, state, cpus: vcpus, memory: Number(memory) * 1024 };
}

/** Lists all VMs of the connection, running or not, oldest first. Takes no lock and starts no process. */
export async function listVirtualMachines(host: Host): Promise<ListedVirtualMachine[]> {
  const domains = await host.connection.listAllDomains();
  const listed = await Promise.all(
    domains.map(async (domain) => {
      try {
        return await asListed(domain);
      } catch (error) {
        // Removed by somebody else between the two calls.
        if (isLibvirtError(error, 'VIR_ERR_NO_DOMAIN')) return undefined;
        // One VM that cannot be read must not hide the others.
        host.report.warn(`The domain ${domain.name} could not be read: ${String(error)}`);
        return undefined;
      }
    }),
  );
  return listed
    .filter((vm) => vm !== undefined)
    .sort((a, b) => a.metadata.created.localeCompare(b.metadata.created) || a.name.localeCompare(b.name));
}

/** A VM that somebody is making or removing, or was when it was killed: it has no domain. */
export interface UnfinishedVirtualMachine {
  id: string;
  uuid: string;
  name: string;
  /** Reference of its image. */
  image: string;
  /** `interrupted`: the next command that changes VMs finishes or undoes it. */
  state: 'creating' | 'removing' | 'interrupted';
  /** ISO 8601 time. */
  since: string;
}

/** Lists the VMs that are half made or half removed. Takes no lock. */
export async function listUnfinished(host: Host): Promise<UnfinishedVirtualMachine[]> {
  const uuids = await readdir(vmsDirectory(host.directories)).catch(() => []);
  const found = await Promise.all(
    uuids.map(async (uuid): Promise<UnfinishedVirtualMachine | undefined> => {
      const journal = await VmDirectory.of(host.directories, uuid).readableJournal();
      if (!journal || libvirtIdentity(journal.uri) !== host.libvirt) return undefined;
      if (await lookupDomain(host, { uuid })) return undefined;
      const ongoing = journal.operation === 'remove' ? 'removing' : 'creating';
      const locked = await isLocked(host, uuid);
      // A transient VM that has ended is gone, whatever is left of its files.
      if (journal.operation === 'transient' && !locked) return undefined;
      const state = locked ? ongoing : 'interrupted';
      return { id: idOf(uuid), uuid, name: journal.name, image: journal.image, state, since: journal.since };
    }),
  );
  return found.filter((vm) => vm !== undefined).sort((a, b) => a.since.localeCompare(b.since));
}

/** Looks up a domain; undefined when there is none. */
export async function lookupDomain(
  host: Host,
  by: { name: string } | { uuid: string },
): Promise<Domain | undefined> {
  try {
    return await ('name' in by
      ? host.connection.lookupDomainByName(by.name)
      : host.connection.lookupDomainByUuid(by.uuid));
  } catch (error) {
    if (isLibvirtError(error, 'VIR_ERR_NO_DOMAIN')) return undefined;
    throw error;
  }
}

/** How many digits of an ID it takes for what ends a VM: one or two are a slip of the finger. */
export const digitsToEnd = 3;

/**
 * Finds a VM by its name, or by its ID or the beginning of it. Nothing else is guessed.
 * @param o.digits how many of an ID are wanted at least; default 1
 * @throws PodmanBootcError `VM_NOT_FOUND`, `VM_AMBIGUOUS` (lists the candidates), `VM_FOREIGN`, `VM_LEFT_BEHIND`,
 * `ID_TOO_SHORT`
 */
export async function findVirtualMachine(
  host: Host,
  nameOrId: string,
  { digits = 1 }: { digits?: number | undefined } = {},
): Promise<VirtualMachine> {
  const named = isPlausibleName(nameOrId) ? await lookupDomain(host, { name: nameOrId }) : undefined;
  const vm = named && (await asVirtualMachine(named));
  if (vm) return vm;
  const candidates = isIdPrefix(nameOrId)
    ? (await listVirtualMachines(host)).filter((candidate) => isIdOf(nameOrId, candidate.uuid))
    : [];
  if (candidates.length > 0) requireDigits(nameOrId, digits);
  if (candidates.length === 1 && candidates[0]) return candidates[0];
  if (candidates.length > 1) {
    throw new PodmanBootcError(
      'usage',
      'VM_AMBIGUOUS',
      `The ID '${nameOrId}' is ambiguous: ${candidates.map((candidate) => `${candidate.id} (${candidate.name})`).join(', ')}`,
      { remedy: 'Give more digits, or the name' },
    );
  }
  if (named) {
    throw new PodmanBootcError(
      'usage',
      'VM_FOREIGN',
      (await readRecordOf(named))
        ? `The libvirt domain '${nameOrId}' is a copy of a VM of podman-bootc's, made by another program: it has no keys to log in with`
        : `The libvirt domain '${nameOrId}' was not made by podman-bootc`,
      {
        remedy: 'Use virsh for it',
      },
    );
  }
  const { findLeftBehind, leftBehindError } = await import('./left-behind.js');
  const left = await findLeftBehind(host, nameOrId);
  if (left) throw leftBehindError(host, left);
  throw new PodmanBootcError(
    'usage',
    'VM_NOT_FOUND',
    `There is no VM with the name or ID ${JSON.stringify(nameOrId)}`,
    {
      remedy: 'List the VMs with `podman-bootc list`',
    },
  );
}

/**
 * Refuses an ID that is too short for what is to be done.
 * @throws PodmanBootcError `ID_TOO_SHORT`
 */
export function requireDigits(id: string, digits: number): void {
  if (idDigits(id) >= digits) return;
  throw new PodmanBootcError(
    'usage',
    'ID_TOO_SHORT',
    `Expected at least ${digits} digits of an ID for what ends a VM, got '${id}'`,
    { remedy: 'Give more digits, or the name; `podman-bootc list` has both' },
  );
}

/**
 * Refuses a name by which somebody could mean another VM: the beginning of its ID.
 * @param uuid of the VM that is to have the name
 * @throws PodmanBootcError `NAME_TAKEN`
 */
export async function requireNoId(host: Host, name: string, uuid: string): Promise<void> {
  if (!isIdPrefix(name)) return;
  const other = (await listVirtualMachines(host)).find((vm) => vm.uuid !== uuid && isIdOf(name, vm.uuid));
  if (!other) return;
  throw new PodmanBootcError(
    'usage',
    'NAME_TAKEN',
    `The name '${name}' is the beginning of another VM's ID: ${other.id} (${other.name})`,
    { remedy: 'Choose a name that is no hexadecimal number' },
  );
}

function isPlausibleName(word: string): boolean {
  return word !== '' && !word.includes('\0');
}

/**
 * The VM's directory, as its record names it: also right for a VM made with another XDG_DATA_HOME. An old record has only
 * the path of the disk, in a directory beside it. Undefined where that is not one that we make for a VM with this uuid: then
 * nothing there is ours to delete.
 */
export function directoryOf({ uuid, metadata }: VirtualMachine): VmDirectory | undefined {
  const { directory, disk } = metadata;
  if (directory !== undefined)
    return isAbsolute(directory) && basename(directory) === uuid ? new VmDirectory(directory) : undefined;
  if (!disk) return undefined;
  const beside = new VmDirectory(join(dirname(dirname(disk.path)), 'vms', uuid));
  return beside.disk(disk.format) === disk.path ? beside : undefined;
}

/** The same; undefined also where libvirt runs on another host, and what lies at that path here is something else. */
export function localDirectoryOf(host: Host, vm: VirtualMachine): VmDirectory | undefined {
  return host.features.files ? directoryOf(vm) : undefined;
}

/** Where a VM's console is read from; undefined where the host has no such source or the record does not tell. */
export function consoleOf(host: Host, vm: VirtualMachine): ConsoleSource | undefined {
  const directory = host.features.console ? directoryOf(vm) : undefined;
  return directory && host.console(directory);
}

/**
 * How to log in to a VM.
 * @param user default the one in its record
 * @throws PodmanBootcError `USER_INVALID` for another one that nobody can be
 */
export function loginTarget(host: Host, vm: VirtualMachine, user?: string): LoginTarget {
  if (user !== undefined) checkLoginName(user);
  const directory = directoryOf(vm) ?? VmDirectory.of(host.directories, vm.uuid);
  return {
    host: '127.0.0.1',
    port: vm.metadata.ssh.port,
    user: user ?? vm.metadata.ssh.user,
    identityFile: vm.metadata.ssh.identity ?? directory.identity,
    knownHostsFile: directory.knownHosts,
    hostKeyAlias: `podman-bootc-${vm.id}`,
  };
}

/**
 * What a person calls a VM on the command line: its name, or its ID where the name is made of it or would need quotes, as one
 * that virsh gave it may.
 */
export function vmReference(vm: Pick<VirtualMachine, 'id' | 'name'>): string {
  return vm.name === defaultName(vm.id) || !isName(vm.name) ? vm.id : vm.name;
}

/** How a person gets in, for messages. */
export function sshCommand(vm: VirtualMachine): string {
  return `podman-bootc ssh ${vmReference(vm)}`;
}

/**
 * Refuses what needs a definition.
 * @param what why, as the rest of a sentence
 * @throws PodmanBootcError `VM_TRANSIENT`
 */
export async function requirePersistent(vm: VirtualMachine, what: string): Promise<void> {
  if (await vm.domain.isPersistent()) return;
  throw new PodmanBootcError('usage', 'VM_TRANSIENT', `The VM ${vm.name} is transient: ${what}`, {
    remedy: `Make one that stays, without ${option('transient')}`,
  });
}

/** That a VM is gone where one is needed. */
export function goneError(vm: VirtualMachine): PodmanBootcError {
  return new PodmanBootcError('usage', 'VM_NOT_FOUND', `The VM ${vm.name} is gone`, {
    remedy: 'List the VMs with `podman-bootc list`',
  });
}

/** That a VM is paused where one that runs is needed. */
export function pausedError(vm: VirtualMachine): PodmanBootcError {
  return new PodmanBootcError('usage', 'VM_PAUSED', `The VM ${vm.name} is paused`, {
    remedy: `Let it go on with \`podman-bootc resume ${vm.id}\``,
  });
}
