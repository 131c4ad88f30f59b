import { createHash } from 'node:crypto';
import { madeOf } from '../../domain/metadata.js';
import { portText, type PublishedPort } from '../../domain/ports.js';
import { PodmanBootcError } from '../../errors.js';
import { option } from '../../option-text.js';
import type { Image } from '../../podman/images.js';
import { parseImageReference } from '../../podman/reference.js';
import { diskLock, type DiskFile } from '../disks/disk-file.js';
import { recoverAbandoned, recoverDirectory } from '../disks/recover.js';
import { VmDirectory } from '../files/vm-directory.js';
import type { Host } from '../host/host.js';
import { HeldLocks } from '../host/lock.js';
import { chooseIdentity, defaultName, type Identity } from '../identity.js';
import {
  asVirtualMachine,
  findVirtualMachine,
  listVirtualMachines,
  lookupDomain,
  requireNoId,
  type VirtualMachine,
} from '../virtual-machine.js';
import { requireSame } from './existing-vm.js';
import { makeVirtualMachine } from './make.js';
import { checkRunOptions, requireOrigin, withInstanceType, type RunOptions } from './options.js';
import { planVirtualMachine, type WantedOfImage } from './plan.js';
import { findImage, type ChosenImage } from './provide-image.js';

/** A VM with its locks: until it is disposed of, no other command can come in between. */
export interface ProvidedVirtualMachine extends AsyncDisposable {
  vm: VirtualMachine;
  /** Whether it was made just now. */
  created: boolean;
}

/**
 * Finds the VM that `run` means, or makes it: the VM with that ID; else the VM of that image, or of the disk of the options,
 * (and name), made if there is none. It is not running, unless it was made just now and is transient.
 * @param imageOrId an image reference, or the whole ID or default name of a VM; undefined where the options name a disk
 * @throws PodmanBootcError `IMAGE_REFERENCE_INVALID`, `IMAGE_NOT_NAMED`, `OPTIONS_CONFLICT`, `VM_EXISTS`, `VM_RUNNING`, `VM_DIFFERS`, `NAME_TAKEN`, `IMAGE_NOT_FOUND`
 * and those of `planVirtualMachine` and `makeVirtualMachine`
 */
export async function provideVirtualMachine(
  host: Host,
  imageOrId: string | undefined,
  options: RunOptions,
  signal?: AbortSignal,
): Promise<ProvidedVirtualMachine> {
  await using locks = new HeldLocks();
  const found = await findOrMake(host, imageOrId, options, locks, signal);
  const held = locks.move();
  return { ...found, [Symbol.asyncDispose]: () => held[Symbol.asyncDispose]() };
}

async function findOrMake(
  host: Host,
  imageOrId: string | undefined,
  given: RunOptions,
  locks: HeldLocks,
  signal: AbortSignal | undefined,
): Promise<{ vm: VirtualMachine; created: boolean }> {
  const asked = imageOrId === undefined ? undefined : parseImageReference(imageOrId);
  const options = withInstanceType(given);
  requireOrigin(imageOrId, options);
  const files = await checkRunOptions(options);
  warnOfOpenPorts(host, options.ports ?? []);
  await recoverAbandoned(host);
  const takeExisting = async (vm: VirtualMachine): Promise<{ vm: VirtualMachine; created: false }> => {
    if (options.mustBeNew) throw alreadyThere(vm);
    await locks.acquire(host, vm.uuid, { what: `the VM ${vm.name}`, signal });
    await requireSame(vm, options, files);
    return { vm, created: false };
  };
  const known =
    imageOrId === undefined || options.mustBeNew || options.replace
      ? undefined
      : await findById(host, imageOrId, options.name);
  if (known) return takeExisting(known);
  const { disk } = files;
  const origin: Origin = asked ? await findImage(host, asked, options, signal) : { disk: disk ?? notRead() };
  const identity = await chooseName(host, origin, options.name);

  const what = `the VM ${identity.name}`;
  // The name first: two runs for one new VM have it in common even when their uuids are random.
  await locks.acquire(host, `name-${identity.name}`, { what, signal });
  const existing = await findExisting(host, identity, origin, options);
  if (existing && !options.replace) return await takeExisting(existing);
  if (!existing) {
    await requireNoId(host, identity.name, identity.uuid);
    if (!origin.disk) await offerUpdates(host, { ...origin, options });
  }
  await locks.acquire(host, identity.uuid, { what, signal });
  // It may have been transient and have ended just now: the unnamed VM of an image always has the same uuid.
  await recoverDirectory(host, identity.uuid, VmDirectory.of(host.directories, identity.uuid));
  if (origin.disk)
    await locks.acquire(host, diskLock(origin.disk), { what: `the disk ${origin.disk.path}`, signal });
  const wanted = { ...origin, identity, options, files, replaces: existing };
  const plan = await planVirtualMachine(host, wanted, signal);
  return { vm: await makeVirtualMachine(host, plan, signal), created: true };
}

/** What a VM is made of. */
type Origin = (ChosenImage & { disk?: undefined }) | { disk: DiskFile };

/** What `checkRunOptions` has read of every option that is given. */
function notRead(): never {
  throw new Error('The disk was not looked at');
}

async function chooseName(host: Host, origin: Origin, name: string | undefined): Promise<Identity> {
  const names = name === undefined ? [] : await host.connection.listAllDomains();
  // The unnamed VM of a disk is known by the path of that, as the unnamed one of an image is by its ID.
  const id = origin.disk
    ? createHash('sha256').update(`disk ${origin.disk.path}`).digest('hex')
    : origin.image.id;
  return chooseIdentity(
    id,
    name,
    names.map((each) => each.name),
  );
}

/** Who can reach an address that is not this host's own loopback can reach the VM. Images may not ask for one. */
function warnOfOpenPorts(host: Host, ports: readonly PublishedPort[]): void {
  const open = ports.filter(({ address }) => !address.startsWith('127.'));
  if (open.length === 0) return;
  const [are, lead] = open.length === 1 ? ['is', 'it leads'] : ['are', 'they lead'];
  host.report.warn(
    `${open.map(portText).join(', ')} ${are} published to the network: whoever reaches this host there reaches the ports of the VM that ${lead} to`,
  );
}

/** A whole ID, or the domain name made of one, is a VM; any other word is an image. */
async function findById(
  host: Host,
  word: string,
  name: string | undefined,
): Promise<VirtualMachine | undefined> {
  const id = /^(?:podman-bootc-)?([0-9a-f]{12})$/.exec(word)?.[1];
  if (id === undefined || name !== undefined) return undefined;
  return findVirtualMachine(host, id).catch((error: unknown) => {
    if (error instanceof PodmanBootcError && error.code === 'VM_NOT_FOUND') return undefined;
    throw error;
  });
}

function alreadyThere(vm: VirtualMachine): PodmanBootcError {
  return new PodmanBootcError(
    'usage',
    'VM_EXISTS',
    `The VM ${vm.name} of ${madeOf(vm.metadata)} exists already; nothing was changed`,
    { remedy: `Start it with \`podman-bootc start ${vm.id}\`, or make another with ${option('name')}` },
  );
}

/** The VM that has the identity already; the name may belong to something else. With `replace` any VM of ours will do. */
async function findExisting(
  host: Host,
  identity: Identity,
  origin: Origin,
  { name, replace }: RunOptions,
): Promise<VirtualMachine | undefined> {
  const domain =
    (name === undefined ? await lookupDomain(host, { uuid: identity.uuid }) : undefined) ??
    (await lookupDomain(host, { name: identity.name }));
  if (!domain) return name === undefined && !origin.disk ? findUpdated(host, origin.image) : undefined;
  const vm = await asVirtualMachine(domain);
  if (vm && (replace || isOf(vm, origin))) return vm;
  const isOlder = vm !== undefined && isOlderOf(vm, origin);
  throw new PodmanBootcError(
    'usage',
    'NAME_TAKEN',
    `The name '${identity.name}' is taken by ${vm ? whatItIs(vm, isOlder) : 'a libvirt domain that podman-bootc did not make'}`,
    {
      remedy: isOlder
        ? `Bring this version into it with \`podman-bootc upgrade ${identity.name}\`, choose another name with ${option('name')}, or make it anew with ${option('replace')}, which removes its disk`
        : vm
          ? `Choose another with ${option('name')}, or make it anew with ${option('replace')}, which removes its disk`
          : `Choose another with ${option('name')}`,
    },
  );
}

/** Whether a VM was made of that. */
function isOf(
  { metadata: { image, source } }: VirtualMachine,
  origin: { image: Pick<Image, 'id'>; disk?: undefined } | { disk: DiskFile },
): boolean {
  return origin.disk ? source?.path === origin.disk.path : !source && image?.id === origin.image.id;
}

function isOlderOf({ metadata: { image, source } }: VirtualMachine, origin: Origin): boolean {
  return !origin.disk && !source && image !== undefined && origin.image.names.includes(image.reference);
}

function whatItIs({ metadata }: VirtualMachine, isOlder: boolean): string {
  if (metadata.source) return `a VM of the disk ${metadata.source.path}`;
  return `a VM of ${isOlder ? 'an older version of the image' : 'the image'} ${madeOf(metadata)}`;
}

/** The unnamed VM that an update has brought to this version: by its ID it is one of the version that it was made of. */
async function findUpdated(host: Host, image: Image): Promise<VirtualMachine | undefined> {
  const vms = await listVirtualMachines(host);
  return vms.find((vm) => isUnnamed(vm) && vm.metadata.image?.updated !== undefined && isOf(vm, { image }));
}

/** Says which VMs a new one could be spared by: unnamed ones of an older version. */
async function offerUpdates(
  host: Host,
  { image, reference, options }: Pick<WantedOfImage, 'image' | 'reference' | 'options'>,
): Promise<void> {
  if (options.name !== undefined) return;
  for (const vm of await listVirtualMachines(host)) {
    if (!isUnnamed(vm) || !isOlderVersion(vm, reference, image)) continue;
    host.report.info(
      `${vm.name} was made of another version of ${reference}; \`podman-bootc upgrade ${vm.id}\` brings this one into it`,
    );
  }
}

function isOlderVersion({ metadata }: VirtualMachine, reference: string, { id }: Image): boolean {
  return !metadata.source && metadata.image?.reference === reference && metadata.image.id !== id;
}

function isUnnamed({ uuid, name }: VirtualMachine): boolean {
  return name === defaultName(uuid);
}
