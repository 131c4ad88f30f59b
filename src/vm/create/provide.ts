import { join } from 'node:path';
import { recallProbe, rememberProbe } from '../../bootc/probe-memory.js';
import { probeImage, probeScript, type ImageProbe } from '../../bootc/probe.js';
import { portText, type PublishedPort } from '../../domain/ports.js';
import { DamagedRecord } from '../../durable-file.js';
import { codeOf, PodmanBootcError } from '../../errors.js';
import { option } from '../../option-text.js';
import { imageName, namesOf, type Image } from '../../podman/images.js';
import { describeEngine, engineName, type PodmanEngine } from '../../podman/engine.js';
import { parseImageReference } from '../../podman/reference.js';
import { requireRootful, selectEngine } from '../../podman/select.js';
import { installedReferences } from '../disks/base-store.js';
import { createVirtualMachine } from './make.js';
import { makeDirectory } from '../host/directories.js';
import { requireSame } from './existing-vm.js';
import type { Host } from '../host/host.js';
import { chooseIdentity, type Identity } from '../identity.js';
import { chooseRequirements } from './requirements.js';
import { requireNothingThere } from '../left-behind.js';
import { acquireLock } from '../host/lock.js';
import { requirePortsFree } from '../guest/port-space.js';
import { provideImage } from './provide-image.js';
import { recoverAbandoned, recoverDirectory } from '../disks/recover.js';
import { checkRunOptions, withInstanceType, type RunOptions } from './options.js';
import {
  asVirtualMachine,
  findVirtualMachine,
  lookupDomain,
  requireNoId,
  type VirtualMachine,
} from '../virtual-machine.js';
import { VmDirectory } from '../files/vm-directory.js';

/**
 * Finds the VM that `run` means, or makes it: the VM with that ID; else the VM of that image (and name), made
 * if there is none. It is not running, unless it was made just now and is transient.
 * @param imageOrId an image reference, or the whole ID or default name of a VM
 * @param use what is done with the VM while its lock is held, so that no other command comes in between
 * @throws PodmanBootcError `IMAGE_REFERENCE_INVALID`, `VM_RUNNING`, `VM_DIFFERS`, `NAME_TAKEN`, `IMAGE_NOT_FOUND` and those of `createVirtualMachine`
 */
export async function provideVirtualMachine<T>(
  host: Host,
  imageOrId: string,
  given: RunOptions,
  use: (vm: VirtualMachine, created: boolean) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const asked = parseImageReference(imageOrId);
  const options = withInstanceType(given);
  const files = await checkRunOptions(options);
  warnOfOpenPorts(host, options.ports ?? []);
  await recoverAbandoned(host);
  const useExisting = async (vm: VirtualMachine): Promise<T> => {
    if (options.mustBeNew) throw alreadyThere(vm);
    await using _vm = await acquireLock(host, vm.uuid, { what: `the VM ${vm.name}`, signal });
    await requireSame(vm, options, files);
    return await use(vm, false);
  };
  const known =
    options.mustBeNew || options.replace ? undefined : await findById(host, imageOrId, options.name);
  if (known) return useExisting(known);
  const { engine, reason } = await selectEngine(options.podman ?? 'auto', {
    startMachine: options.startMachine,
    confirm: options.confirm,
    report: host.report,
    signal,
  });
  host.report.info(reason);
  const image = await provideImage(host, engine, asked, options, signal);
  const installed = await installedReferences(host.directories, image.id);
  const reference = imageName(image, asked, await namesOf(engine, image, installed, signal));
  const names = options.name === undefined ? [] : await host.connection.listAllDomains();
  const identity = chooseIdentity(
    image.id,
    options.name,
    names.map(({ name }) => name),
  );

  const what = `the VM ${identity.name}`;
  // The name first: two runs for one new VM have it in common even when their uuids are random.
  await using _name = await acquireLock(host, `name-${identity.name}`, { what, signal });
  const existing = await findExisting(host, identity, image, options);
  if (existing && !options.replace) return await useExisting(existing);
  if (!existing) await requireNoId(host, identity.name, identity.uuid);
  await using _vm = await acquireLock(host, identity.uuid, { what, signal });
  // It may have been transient and have ended just now: the unnamed VM of an image always has the same uuid.
  await recoverDirectory(host, identity.uuid, VmDirectory.of(host.directories, identity.uuid));
  if (existing?.uuid !== identity.uuid) await requireNothingThere(host, identity.uuid);
  const { origins, ...requirements } = chooseRequirements(options, image.labels, (message) => {
    host.report.warn(message);
  });
  if (!options.mustBeNew) await requirePortsFree(host, requirements.ports, existing);
  const user = options.user ?? 'root';
  const probe = await askImage(host, engine, image, reference, user, signal);
  host.report.debug(
    `${probe.bootcVersion}, systemd ${probe.systemdVersion ?? 'unknown'}, options ${[...probe.installOptions].join(' ')}`,
  );
  const vm = await createVirtualMachine(
    host,
    {
      identity,
      replaces: existing,
      transient: options.transient === true,
      engine,
      image,
      reference,
      probe,
      ...requirements,
      origins,
      accelerator: options.accelerator ?? 'auto',
      rootSizeMax: options.rootSizeMax,
      diskFormat: options.diskFormat ?? 'auto',
      kargs: options.kargs ?? [],
      scratch: files.scratch,
      cloudInit: files.cloudInit,
      user,
      sshKeys: files.sshKeys ?? [],
      password: files.passwordFile,
      hostname: options.hostname,
      labels: options.labels,
      quiet: options.quiet === true,
    },
    signal,
  );
  return await use(vm, true);
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
  if (remembered instanceof DamagedRecord) host.report.warn(`${String(remembered)}; the image is asked anew`);
  else if (remembered) return remembered;
  const { architecture } = await requireRootful(engine, signal);
  const probe = await probeImage(engine, reference, user, signal).catch((error: unknown) => {
    throw image.architecture === architecture
      ? error
      : foreignArchitecture(engine, image, reference, architecture, error);
  });
  if (image.architecture !== architecture) {
    // qemu-user or Rosetta on that host: bootc may or may not bear it, and says so itself.
    host.report.warn(
      `The image ${reference} is for ${image.architecture} and ${describeEngine(engine)} is ${architecture}: its bootc runs emulated there, slowly`,
    );
  }
  await makeDirectory(host.directories.cache, host.directories);
  await rememberProbe(file, subject, probeScript, probe);
  return probe;
}

/** What an image of another architecture, which its podman host cannot run, fails with in whatever words. */
function foreignArchitecture(
  engine: PodmanEngine,
  image: Image,
  reference: string,
  architecture: string,
  error: unknown,
): unknown {
  if (codeOf(error) !== 'IMAGE_UNUSABLE' && codeOf(error) !== 'IMAGE_WITHOUT_BOOTC') return error;
  return new PodmanBootcError(
    'image',
    'IMAGE_FOREIGN_ARCHITECTURE',
    `The image ${reference} is for ${image.architecture}, and its bootc cannot run on ${describeEngine(engine)}, which is ${architecture}`,
    { remedy: `Use an image for ${architecture}`, cause: error },
  );
}

function alreadyThere(vm: VirtualMachine): PodmanBootcError {
  return new PodmanBootcError(
    'usage',
    'VM_EXISTS',
    `The VM ${vm.name} of ${vm.metadata.image.reference} exists already; nothing was changed`,
    { remedy: `Start it with \`podman-bootc start ${vm.id}\`, or make another with ${option('name')}` },
  );
}

/** The VM that has the identity already; the name may belong to something else. With `replace` any VM of ours will do. */
async function findExisting(
  host: Host,
  identity: Identity,
  image: Image,
  { name, replace }: RunOptions,
): Promise<VirtualMachine | undefined> {
  const domain =
    (name === undefined ? await lookupDomain(host, { uuid: identity.uuid }) : undefined) ??
    (await lookupDomain(host, { name: identity.name }));
  if (!domain) return undefined;
  const vm = await asVirtualMachine(domain);
  if (vm && (replace || vm.metadata.image.id === image.id)) return vm;
  const what = vm
    ? `a VM of ${image.names.includes(vm.metadata.image.reference) ? 'an older version of the image' : 'the image'} ${vm.metadata.image.reference}`
    : 'a libvirt domain that podman-bootc did not make';
  throw new PodmanBootcError('usage', 'NAME_TAKEN', `The name '${identity.name}' is taken by ${what}`, {
    remedy: vm
      ? `Choose another with ${option('name')}, or make it anew with ${option('replace')}, which removes its disk`
      : `Choose another with ${option('name')}`,
  });
}
