import { join } from 'node:path';
import { checkFilesystem } from '../bootc/install.js';
import { recallProbe, rememberProbe } from '../bootc/probe-memory.js';
import { probeImage, probeScript, type ImageProbe } from '../bootc/probe.js';
import { readDomain } from '../domain/edit.js';
import { checkLabel, type Labels } from '../domain/labels.js';
import { PodmanBootcError } from '../errors.js';
import { checkImageReference, imageName, inspectImage, pullImage, type Image } from '../podman/images.js';
import { engineName, type PodmanEngine } from '../podman/engine.js';
import { requireRootful, selectEngine } from '../podman/select.js';
import { formatSize, GiB, MiB } from '../sizes.js';
import { checkCloudInit } from './cloud-init.js';
import { createVirtualMachine } from './create.js';
import { makeDirectory } from './directories.js';
import type { AcceleratorPreference } from './hardware.js';
import type { Host } from './host.js';
import { checkName, chooseIdentity, type Identity } from './identity.js';
import { acquireLock } from './lock.js';
import { recoverAbandoned } from './recover.js';
import {
  asVirtualMachine,
  findVirtualMachine,
  isActiveState,
  lookupDomain,
  settledState,
  sshCommand,
  type VirtualMachine,
} from './virtual-machine.js';
import { checkDiskFormat, type DiskFormatPreference } from './vm-disk.js';

/** What `run` may be told about the VM; whatever is absent gets its default. */
export interface RunOptions {
  /** Default `podman-bootc-ID`, one per image. */
  name?: string | undefined;
  /** Default 2. */
  cpus?: number | undefined;
  /** Bytes; default 2 GiB. */
  memory?: number | undefined;
  /** Default `auto`. */
  accelerator?: AcceleratorPreference | undefined;
  /** Default: what the image asks for. */
  filesystem?: string | undefined;
  /** Bytes. */
  rootSizeMax?: number | undefined;
  /** Bytes; default the larger of 10 GiB and twice the image. */
  diskSize?: number | undefined;
  /** Default `auto`: an overlay (qcow2) of the image's base disk. */
  diskFormat?: DiskFormatPreference | undefined;
  /** Directory with `user-data` and `meta-data`. */
  cloudInit?: string | undefined;
  /** Default root. */
  user?: string | undefined;
  /** Name to value; default none. */
  labels?: Labels | undefined;
  /** `auto` (default), `machine`, `local` or a podman connection. */
  podman?: string | undefined;
  /** Refuses to take a VM that exists; default false. */
  mustBeNew?: boolean | undefined;
  /** Keeps the output of bootc and podman back unless they fail. */
  quiet?: boolean | undefined;
}

const defaults = { cpus: 2, memory: 2 * GiB, user: 'root' };
const minimumMemory = 128 * MiB;

/**
 * Finds the VM that `run` means, or makes it: the VM with that ID; else the VM of that image (and name), made
 * if there is none. It is not running.
 * @param imageOrId an image reference, or the whole ID or default name of a VM
 * @param use what is done with the VM while its lock is held, so that no other command comes in between
 * @throws PodmanBootcError `VM_RUNNING`, `VM_DIFFERS`, `NAME_TAKEN`, `IMAGE_NOT_FOUND` and those of `createVirtualMachine`
 */
export async function provideVirtualMachine<T>(
  host: Host,
  imageOrId: string,
  options: RunOptions,
  use: (vm: VirtualMachine, created: boolean) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const cloudInit = await checkOptions(options);
  await recoverAbandoned(host);
  const useExisting = async (vm: VirtualMachine): Promise<T> => {
    if (options.mustBeNew) throw alreadyThere(vm);
    await using _vm = await acquireLock(host, vm.uuid, { what: `the VM ${vm.name}`, signal });
    await requireSame(vm, options, cloudInit);
    return await use(vm, false);
  };
  const known = options.mustBeNew ? undefined : await findById(host, imageOrId, options.name);
  if (known) return useExisting(known);
  checkImageReference(imageOrId);
  const { engine, reason } = await selectEngine(options.podman ?? 'auto', { signal });
  host.report.info(reason);
  const image = await provideImage(host, engine, imageOrId, options.quiet === true, signal);
  const reference = imageName(image, imageOrId);
  const identity = chooseIdentity(image.id, options.name);

  const what = `the VM ${identity.name}`;
  // The name first: two runs for one new VM have it in common even when their uuids are random.
  await using _name = await acquireLock(host, `name-${identity.name}`, { what, signal });
  const existing = await findExisting(host, identity, image, options.name !== undefined);
  if (existing) return await useExisting(existing);
  await using _vm = await acquireLock(host, identity.uuid, { what, signal });
  const user = options.user ?? defaults.user;
  const probe = await askImage(host, engine, image, reference, user, signal);
  host.report.debug(
    `${probe.bootcVersion}, systemd ${probe.systemdVersion ?? 'unknown'}, options ${[...probe.installOptions].join(' ')}`,
  );
  const vm = await createVirtualMachine(
    host,
    {
      identity,
      engine,
      image,
      reference,
      probe,
      cpus: options.cpus ?? defaults.cpus,
      memory: options.memory ?? defaults.memory,
      accelerator: options.accelerator ?? 'auto',
      filesystem: options.filesystem,
      rootSizeMax: options.rootSizeMax,
      diskSize: options.diskSize,
      diskFormat: options.diskFormat ?? 'auto',
      cloudInit,
      user,
      labels: options.labels,
      quiet: options.quiet === true,
    },
    signal,
  );
  return await use(vm, true);
}

/** Refuses bad options before anything is done. @returns the absolute cloud-init directory */
async function checkOptions(options: RunOptions): Promise<string | undefined> {
  if (options.name !== undefined) checkName(options.name);
  if (options.filesystem !== undefined) checkFilesystem(options.filesystem);
  if (options.diskFormat !== undefined) checkDiskFormat(options.diskFormat);
  if (options.user !== undefined && !/^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/.test(options.user)) {
    throw new PodmanBootcError(
      'usage',
      'USER_INVALID',
      `Expected --user to be a login name, got ${JSON.stringify(options.user)}`,
      {
        remedy: 'Leave it out to log in as root',
      },
    );
  }
  for (const label of Object.entries(options.labels ?? {})) checkLabel(...label);
  if (options.memory !== undefined && options.memory < minimumMemory) {
    throw new PodmanBootcError(
      'usage',
      'MEMORY_INVALID',
      `Expected --memory to be at least ${formatSize(minimumMemory)}, got ${formatSize(options.memory)}`,
      { remedy: 'A number without a suffix is bytes; write for example --memory 2G' },
    );
  }
  if (
    options.rootSizeMax !== undefined &&
    options.diskSize !== undefined &&
    options.rootSizeMax > options.diskSize
  ) {
    throw new PodmanBootcError(
      'usage',
      'SIZE_INVALID',
      `Expected --root-size-max to be at most --disk-size (${formatSize(options.diskSize)}), got ${formatSize(options.rootSizeMax)}`,
    );
  }
  return options.cloudInit === undefined ? undefined : checkCloudInit(options.cloudInit);
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

async function provideImage(
  host: Host,
  engine: PodmanEngine,
  reference: string,
  quiet: boolean,
  signal: AbortSignal | undefined,
): Promise<Image> {
  const present = await inspectImage(engine, reference, signal);
  if (present) return present;
  await requireRootful(engine, signal);
  host.report.info(`Pulling ${reference}`);
  await pullImage(
    engine,
    reference,
    (chunk) => {
      if (!quiet) host.report.output(chunk);
    },
    signal,
  );
  const pulled = await inspectImage(engine, reference, signal);
  if (pulled) return pulled;
  throw new PodmanBootcError(
    'image',
    'IMAGE_NOT_FOUND',
    `The image ${reference} was pulled but is not in the store`,
  );
}

/**
 * What an image says of itself. That it could be asked, on this podman, is remembered with the answer: a second VM of an
 * image needs no container.
 * @throws PodmanBootcError `IMAGE_FOREIGN_ARCHITECTURE` and those of `requireRootful` and `probeImage`
 */
async function askImage(
  host: Host,
  engine: PodmanEngine,
  image: Image,
  reference: string,
  user: string,
  signal: AbortSignal | undefined,
): Promise<ImageProbe> {
  const file = join(host.directories.cache, 'image-probes.json');
  const subject = { engine: engineName(engine), imageId: image.id, user };
  const remembered = await recallProbe(file, subject, probeScript);
  if (remembered) return remembered;
  const { architecture } = await requireRootful(engine, signal);
  if (image.architecture !== architecture) {
    throw new PodmanBootcError(
      'image',
      'IMAGE_FOREIGN_ARCHITECTURE',
      `The image ${reference} is for ${image.architecture}, and its bootc cannot run on this podman host, which is ${architecture}`,
      { remedy: `Use an image for ${architecture}` },
    );
  }
  const probe = await probeImage(engine, reference, user, signal);
  await makeDirectory(host.directories.cache, host.directories);
  await rememberProbe(file, subject, probeScript, probe);
  return probe;
}

function alreadyThere(vm: VirtualMachine): PodmanBootcError {
  return new PodmanBootcError(
    'usage',
    'VM_EXISTS',
    `The VM ${vm.name} of ${vm.metadata.image.reference} exists already; nothing was changed`,
    { remedy: `Start it with \`podman-bootc start ${vm.id}\`, or make another with --name` },
  );
}

/** The VM that has the identity already; a name may belong to something else. */
async function findExisting(
  host: Host,
  identity: Identity,
  image: Image,
  isNamed: boolean,
): Promise<VirtualMachine | undefined> {
  const domain =
    (isNamed ? undefined : await lookupDomain(host, { uuid: identity.uuid })) ??
    (await lookupDomain(host, { name: identity.name }));
  if (!domain) return undefined;
  const vm = await asVirtualMachine(domain);
  if (vm?.metadata.image.id === image.id) return vm;
  const what = vm
    ? `a VM of the image ${vm.metadata.image.reference}`
    : 'a libvirt domain that podman-bootc did not make';
  throw new PodmanBootcError('usage', 'NAME_TAKEN', `The name '${identity.name}' is taken by ${what}`, {
    remedy: vm
      ? `Choose another with --name, or remove it with \`podman-bootc rm ${vm.id}\``
      : 'Choose another with --name',
  });
}

/**
 * An existing VM is booted as it is. Options that ask for something else are refused, never ignored.
 * @throws PodmanBootcError `VM_RUNNING`, `VM_DIFFERS`
 */
async function requireSame(
  vm: VirtualMachine,
  options: RunOptions,
  cloudInit: string | undefined,
): Promise<void> {
  const state = await settledState(vm.domain);
  if (isActiveState(state)) {
    throw new PodmanBootcError(
      'usage',
      'VM_RUNNING',
      `The VM ${vm.name} of ${vm.metadata.image.reference} is ${state} already; nothing was changed`,
      {
        remedy: `Get in with \`${sshCommand(vm)}\`, or make another VM of the image with --name`,
      },
    );
  }
  const { cpus, memory, domainType } = readDomain(await vm.domain.getXml({ inactive: true }));
  const { install, disk, ssh } = vm.metadata;
  const comparisons: [string, string | number | undefined, string | number | undefined][] = [
    ['--cpus', options.cpus, cpus],
    ['--memory', options.memory, memory],
    ['--filesystem', options.filesystem, install.filesystem],
    ['--root-size-max', options.rootSizeMax, install.rootSizeMax],
    ['--disk-size', options.diskSize, disk.size],
    ['--disk-format', options.diskFormat === 'auto' ? undefined : options.diskFormat, disk.format],
    ['--cloudinit', cloudInit, vm.metadata.cloudInit?.directory],
    ['--user', options.user, ssh.user],
    ...Object.entries(options.labels ?? {}).map(([name, value]): (typeof comparisons)[number] => [
      `--label ${name}`,
      value,
      vm.metadata.labels?.[name],
    ]),
    ['--accel', accelerators[options.accelerator ?? 'auto'], domainType === 'hvf' ? 'kvm' : domainType],
  ];
  const differing = comparisons.find(([, asked, actual]) => asked !== undefined && asked !== actual);
  if (differing) {
    const [option, asked, actual] = differing;
    throw new PodmanBootcError(
      'usage',
      'VM_DIFFERS',
      `The VM ${vm.name} exists and was made with ${option} ${actual ?? 'unset'}, not ${asked}`,
      {
        remedy: `Leave the option out, make another VM with --name, or remove this one with \`podman-bootc rm ${vm.id}\``,
      },
    );
  }
}

/** The domain type that an explicit `--accel` stands for. */
const accelerators = { auto: undefined, kvm: 'kvm', tcg: 'qemu' } as const;
