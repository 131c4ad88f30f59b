import type { ImageProbe } from '../../bootc/probe.js';
import { buildDomain, chooseNetwork, chooseTpm } from '../../domain/build.js';
import type { VolumeDevice } from '../../domain/devices/filesystem.js';
import type { VmMetadata } from '../../domain/metadata.js';
import type { DomainSpecification } from '../../domain/specification.js';
import { PodmanBootcError } from '../../errors.js';
import { option } from '../../option-text.js';
import { longestSocketPath } from '../../paths.js';
import { isInstalled } from '../../process.js';
import { formatSize } from '../../sizes.js';
import type { LoginAccount } from '../../ssh/credentials.js';
import { requireUsable, type DiskFile } from '../disks/disk-file.js';
import { diskOfFile, vmDiskFormat, type VmDisk } from '../disks/vm-disk.js';
import { VmDirectory, type DiskFormat } from '../files/vm-directory.js';
import { tellOfHostKeys } from '../guest/cloud-init.js';
import { requirePortsFree } from '../guest/port-space.js';
import { chooseVolumeDevices } from '../guest/volumes.js';
import { chooseHardware, hostArchitecture, type Hardware } from '../host/hardware.js';
import type { Host } from '../host/host.js';
import type { Identity } from '../identity.js';
import { requireNothingThere } from '../left-behind.js';
import type { VirtualMachine } from '../virtual-machine.js';
import { describeVirtualMachine } from './describe.js';
import { publicCredential } from './login.js';
import { definitionOf, type OptionFiles, type OptionName, type RunOptions } from './options.js';
import { planInstall, requireFirmware, type InstallPlan, type WantedInstall } from './plan-install.js';
import { chooseRequirements, type Requirements } from './requirements.js';

/** A VM that there is not yet. */
interface Wanted {
  identity: Identity;
  /** The VM that has the name now, and goes as late as possible. */
  replaces: VirtualMachine | undefined;
  /** Checked. */
  options: RunOptions;
  files: OptionFiles;
}

/** One of an image. */
export interface WantedOfImage extends Wanted, Omit<WantedInstall, 'requirements'> {
  disk?: undefined;
}

/** One of a disk of the user's. */
export interface WantedOfDisk extends Wanted {
  disk: DiskFile;
}

/** A VM that there is not yet, and what it is made of. */
export type WantedVirtualMachine = WantedOfImage | WantedOfDisk;

/** What is decided of every VM. */
interface CommonPlan extends Wanted {
  requirements: Requirements;
  hardware: Hardware;
  firmware: 'efi' | 'bios';
  /** Bytes of the VM's disk. */
  diskSize: number;
  directory: VmDirectory;
  /** Format of the disk that is made for it; undefined where it has the user's. */
  format: DiskFormat | undefined;
  /** Who logs in. */
  account: LoginAccount;
  hostKey: VmMetadata['ssh']['hostKey'];
  guestAgent: DomainSpecification['guestAgent'];
  network: DomainSpecification['network'];
  tpm: boolean;
  volumes: readonly VolumeDevice[];
}

/** What a VM of an image will be. */
export interface PlanOfImage extends CommonPlan, InstallPlan {
  format: DiskFormat;
  disk?: undefined;
}

/** What a VM of a disk of the user's will be. */
export interface PlanOfDisk extends CommonPlan {
  disk: DiskFile;
  /** Its disk as its domain will name it. */
  vmDisk: VmDisk;
}

/** A VM of which everything is decided that can be before it is made. */
export type VmPlan = PlanOfImage | PlanOfDisk;

/** systemd takes credentials from SMBIOS and fw_cfg since this version. */
const credentialsSince = 252;

/**
 * Decides what a VM will be, and refuses what cannot be, before anything of it is made. The caller holds its lock.
 * @throws PodmanBootcError `VM_LEFT_BEHIND`, `IMAGE_LABEL_INVALID`, `PORT_TAKEN`, `PORT_UNUSABLE`, `CPUS_INVALID`, `SIZE_INVALID`,
 * `VIRTIOFSD_NOT_FOUND`, `DOMAIN_SPECIFICATION`, `CREDENTIALS_TOO_LARGE`; those of `planInstall` and `requireUsable`
 */
export async function planVirtualMachine(
  host: Host,
  wanted: WantedVirtualMachine,
  signal: AbortSignal | undefined,
): Promise<VmPlan> {
  const { identity, options } = wanted;
  if (wanted.replaces?.uuid !== identity.uuid) await requireNothingThere(host, identity.uuid);
  const requirements = wanted.disk
    ? requirementsOfDisk(options)
    : chooseRequirements(options, wanted.image.labels, (message) => {
        host.report.warn(message);
      });
  if (!options.mustBeNew) await requirePortsFree(host, requirements.ports, wanted.replaces);
  const plan = wanted.disk
    ? await planOfDisk(host, wanted, requirements, signal)
    : await planOfImage(host, wanted, requirements, signal);
  requireBuildable(plan);
  return plan;
}

async function planOfImage(
  host: Host,
  wanted: WantedOfImage,
  requirements: Requirements,
  signal: AbortSignal | undefined,
): Promise<PlanOfImage> {
  const { options, files } = wanted;
  const install = await planInstall(host, { ...wanted, requirements }, {}, signal);
  const { probe } = install;
  const common = await planCommon(host, wanted, requirements, install.hardware);
  return {
    ...wanted,
    ...install,
    ...common,
    format: vmDiskFormat(options.diskFormat ?? 'auto'),
    account:
      probe.account ??
      chooseAccount(host, options, files, (user) => `The image has no user ${user}; assuming that one`),
    hostKey: chooseHostKey(host, probe),
  };
}

async function planOfDisk(
  host: Host,
  wanted: WantedOfDisk,
  requirements: Requirements,
  signal: AbortSignal | undefined,
): Promise<PlanOfDisk> {
  const { disk, identity, options, files, replaces } = wanted;
  const inPlace = options.inPlace === true;
  await requireUsable(host, disk, { inPlace, except: replaces?.uuid });
  const hardware = await chooseHardware(host, hostArchitecture, options.accelerator ?? 'auto', signal);
  const diskSize = requirements.diskSize ?? disk.size;
  if (diskSize < disk.size) {
    throw new PodmanBootcError(
      'usage',
      'SIZE_INVALID',
      `Expected ${option('diskSize')} to be at least that of ${disk.path} (${formatSize(disk.size)}), got ${formatSize(diskSize)}`,
    );
  }
  const directory = VmDirectory.of(host.directories, identity.uuid);
  return {
    ...wanted,
    ...(await planCommon(host, wanted, requirements, hardware)),
    hardware,
    firmware: requireFirmware(requirements.firmware ?? firmwareOf(disk, hardware), hardware),
    diskSize,
    format: inPlace ? undefined : 'qcow2',
    vmDisk: diskOfFile(host, disk, directory, { inPlace, size: diskSize }),
    account: chooseAccount(
      host,
      options,
      files,
      (user) => `Assuming that the disk has a user ${user}, or that one`,
    ),
    // Nobody can ask the disk whether its systemd takes one.
    hostKey: 'first-contact',
  };
}

/** BIOS where UEFI would find nothing to start and BIOS might; else what the host has. */
function firmwareOf({ boot }: DiskFile, { arch }: Hardware): 'bios' | undefined {
  return arch === 'x86_64' && boot.hasBootCode && boot.loaders.length === 0 ? 'bios' : undefined;
}

/** Without labels, for there is no image, and without what only an install has. */
function requirementsOfDisk(options: RunOptions): Requirements {
  const chosen = chooseRequirements(options, {}, () => undefined);
  const origins = Object.entries(chosen.origins).filter(
    ([name]) => definitionOf(name as OptionName).subject === 'vm',
  );
  return { ...chosen, origins: Object.fromEntries(origins) };
}

/** What does not depend on what a VM is made of. */
async function planCommon(
  host: Host,
  { identity, files }: WantedVirtualMachine,
  requirements: Requirements,
  { capabilities }: Hardware,
): Promise<Pick<CommonPlan, 'requirements' | 'directory' | 'guestAgent' | 'network' | 'tpm' | 'volumes'>> {
  checkCpus(requirements.cpus, capabilities.maxVcpus);
  if (files.cloudInit !== undefined) await tellOfHostKeys(host.report, files.cloudInit);
  const directory = VmDirectory.of(host.directories, identity.uuid);
  return {
    requirements,
    directory,
    guestAgent: chooseGuestAgent(host, directory),
    network: chooseNetwork(capabilities),
    tpm: chooseTpm(capabilities, await isInstalled('swtpm')),
    volumes: await chooseVolumeDevices(host, directory, files.volumes ?? []),
  };
}

/** What would be wrong with the domain is found now: an install takes minutes. */
function requireBuildable(plan: VmPlan): void {
  const { directory, diskSize, requirements } = plan;
  // Any that is not published: the real one is chosen under a lock, when the domain is defined.
  const published = new Set(requirements.ports.map(({ hostPort }) => hostPort));
  let sshPort = 1;
  while (published.has(sshPort)) sshPort++;
  buildDomain(
    describeVirtualMachine(plan, {
      disk: plan.disk
        ? plan.vmDisk
        : { path: directory.disk(plan.format), format: plan.format, size: diskSize },
      sshPort,
      // No shorter than the key that is made then.
      publicCredential: publicCredential(plan, 'k'.repeat(128)),
      created: new Date().toISOString(),
    }),
  );
}

/**
 * Checks a number of CPUs.
 * @param maximum what the machine type takes
 * @throws PodmanBootcError `CPUS_INVALID`
 */
function checkCpus(cpus: number, maximum: number | undefined): void {
  if (maximum === undefined || cpus <= maximum) return;
  throw new PodmanBootcError(
    'usage',
    'CPUS_INVALID',
    `Expected ${option('cpus')} to be at most ${maximum}, which is what QEMU's machine takes, got ${cpus}`,
  );
}

/** @param assuming how a sentence begins that says what is not known of a user */
function chooseAccount(
  host: Host,
  { user = 'root' }: RunOptions,
  { cloudInit }: OptionFiles,
  assuming: (user: string) => string,
): LoginAccount {
  if (user === 'root') return { user, home: '/root', uid: 0, gid: 0 };
  if (cloudInit === undefined)
    host.report.warn(`${assuming(user)} with the home /home/${user} is made at boot`);
  return { user, home: `/home/${user}` };
}

function chooseHostKey(host: Host, { systemdVersion }: ImageProbe): VmPlan['hostKey'] {
  if (systemdVersion !== undefined && systemdVersion >= credentialsSince) return 'handed-over';
  host.report.warn(
    `The image has ${systemdVersion === undefined ? 'no systemd that says its version' : `systemd ${systemdVersion}`}, and SSH keys are handed over from systemd ${credentialsSince} on: logging in may fail`,
  );
  return 'first-contact';
}

/**
 * The guest agent's channel. A session daemon would put its socket below the home directory, where a home of 19
 * characters already makes the path too long and the start fail (libvirt 9.0); ours is shorter.
 */
function chooseGuestAgent(host: Host, { agentSocket }: VmDirectory): VmPlan['guestAgent'] {
  if (!host.features.runsQemuAsUs) return undefined;
  if (Buffer.byteLength(agentSocket) <= longestSocketPath) return { socket: agentSocket };
  host.report.debug(`No guest agent channel: ${agentSocket} is too long for a socket`);
  return 'none';
}
