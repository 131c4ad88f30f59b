import { checkFirmwareSuits, chooseBackend, type Backend } from '../../bootc/backend.js';
import { chooseDiskSize } from '../../bootc/disk-size.js';
import { checkInstallOptions, chooseFilesystem } from '../../bootc/install.js';
import type { ImageProbe } from '../../bootc/probe.js';
import { buildDomain, chooseFirmware, chooseNetwork, chooseTpm } from '../../domain/build.js';
import type { VolumeDevice } from '../../domain/devices/filesystem.js';
import type { VmMetadata } from '../../domain/metadata.js';
import type { DomainSpecification } from '../../domain/specification.js';
import { PodmanBootcError } from '../../errors.js';
import { option } from '../../option-text.js';
import type { PodmanEngine } from '../../podman/engine.js';
import type { Image } from '../../podman/images.js';
import { longestSocketPath } from '../../paths.js';
import { isInstalled } from '../../process.js';
import type { LoginAccount } from '../../ssh/credentials.js';
import { baseKey, type BaseParts } from '../disks/base-key.js';
import { vmDiskFormat } from '../disks/vm-disk.js';
import { VmDirectory, type DiskFormat } from '../files/vm-directory.js';
import { tellOfHostKeys } from '../guest/cloud-init.js';
import { requirePortsFree } from '../guest/port-space.js';
import { chooseVolumeDevices } from '../guest/volumes.js';
import { architectureOf, chooseHardware, type Hardware } from '../host/hardware.js';
import type { Host } from '../host/host.js';
import type { Identity } from '../identity.js';
import { requireNothingThere } from '../left-behind.js';
import type { Firmware } from '../option-values.js';
import type { VirtualMachine } from '../virtual-machine.js';
import { askImage } from './ask-image.js';
import { describeVirtualMachine } from './describe.js';
import { publicCredential } from './login.js';
import type { OptionFiles, RunOptions } from './options.js';
import { chooseRequirements, type Requirements } from './requirements.js';

/** A VM that there is not yet, and what is to be in it. */
export interface WantedVirtualMachine {
  identity: Identity;
  /** The VM that has the name now, and goes as late as possible. */
  replaces: VirtualMachine | undefined;
  engine: PodmanEngine;
  image: Image;
  /** The name the image is recorded and run under. */
  reference: string;
  /** Checked. */
  options: RunOptions;
  files: OptionFiles;
}

/** A VM of which everything is decided that can be before it is made. */
export interface VmPlan extends WantedVirtualMachine, InstallPlan {
  requirements: Requirements;
  probe: ImageProbe;
  hardware: Hardware;
  directory: VmDirectory;
  format: DiskFormat;
  /** Who logs in. */
  account: LoginAccount;
  hostKey: VmMetadata['ssh']['hostKey'];
  guestAgent: DomainSpecification['guestAgent'];
  network: DomainSpecification['network'];
  tpm: boolean;
  volumes: readonly VolumeDevice[];
}

/** What is installed. */
interface InstallPlan {
  firmware: 'efi' | 'bios';
  filesystem: ReturnType<typeof chooseFilesystem>;
  backend: Backend;
  /** Bytes of the VM's disk. */
  diskSize: number;
  /** Of the base disk. */
  parts: BaseParts;
  /** Key of the base disk. */
  base: string;
}

/** systemd takes credentials from SMBIOS and fw_cfg since this version. */
const credentialsSince = 252;

/**
 * Decides what a VM will be, and refuses what cannot be, before anything of it is made. The caller holds its lock.
 * @throws PodmanBootcError `VM_LEFT_BEHIND`, `IMAGE_LABEL_INVALID`, `PORT_TAKEN`, `PORT_UNUSABLE`, `CPUS_INVALID`,
 * `VIRTIOFSD_NOT_FOUND`, `FIRMWARE_UNAVAILABLE`, `DOMAIN_SPECIFICATION`, `CREDENTIALS_TOO_LARGE`; those of `askImage`, `chooseHardware`,
 * `chooseFilesystem`, `chooseBackend`, `checkFirmwareSuits`, `checkInstallOptions` and `chooseDiskSize`
 */
export async function planVirtualMachine(
  host: Host,
  wanted: WantedVirtualMachine,
  signal: AbortSignal | undefined,
): Promise<VmPlan> {
  const { identity, image, options, files } = wanted;
  if (wanted.replaces?.uuid !== identity.uuid) await requireNothingThere(host, identity.uuid);
  const requirements = chooseRequirements(options, image.labels, (message) => {
    host.report.warn(message);
  });
  if (!options.mustBeNew) await requirePortsFree(host, requirements.ports, wanted.replaces);
  const user = options.user ?? 'root';
  const probe = await askImage(host, wanted, user, signal);
  host.report.debug(
    `${probe.bootcVersion}, systemd ${probe.systemdVersion ?? 'unknown'}, options ${[...probe.installOptions].join(' ')}`,
  );
  const accelerator = options.accelerator ?? 'auto';
  const hardware = await chooseHardware(host, architectureOf(image.architecture), accelerator, signal);
  const { capabilities } = hardware;
  checkCpus(requirements.cpus, capabilities.maxVcpus);
  const install = planInstall(wanted, requirements, probe, hardware);
  if (files.cloudInit !== undefined) await tellOfHostKeys(host.report, files.cloudInit);
  const directory = VmDirectory.of(host.directories, identity.uuid);
  const plan: VmPlan = {
    ...wanted,
    ...install,
    requirements,
    probe,
    hardware,
    directory,
    format: vmDiskFormat(options.diskFormat ?? 'auto'),
    account: chooseAccount(host, user, probe, files),
    hostKey: chooseHostKey(host, probe),
    guestAgent: chooseGuestAgent(host, directory),
    network: chooseNetwork(capabilities),
    tpm: chooseTpm(capabilities, await isInstalled('swtpm')),
    volumes: await chooseVolumeDevices(host, directory, files.volumes ?? []),
  };
  requireBuildable(plan);
  return plan;
}

function planInstall(
  { image, reference, options }: WantedVirtualMachine,
  requirements: Requirements,
  probe: ImageProbe,
  hardware: Hardware,
): InstallPlan {
  const { bootcArgs, origins } = requirements;
  const firmware = requireFirmware(requirements.firmware, hardware);
  const filesystem = chooseFilesystem(requirements.filesystem, probe);
  const backend = chooseBackend(requirements, probe);
  checkFirmwareSuits(reference, backend, firmware, origins.firmware ?? 'default');
  const kargs = options.kargs ?? [];
  checkInstallOptions({ reference, probe, kargs, backend, bootcArgs });
  const diskSize = chooseDiskSize(requirements.diskSize, image.size);
  const isToldBackend = backend.option || backend.bootloader !== undefined || bootcArgs.length > 0;
  const parts: BaseParts = {
    imageId: image.id,
    reference,
    filesystem: filesystem.effective,
    rootSizeMax: options.rootSizeMax,
    // A larger disk is an overlay that is larger; a smaller one has to be installed.
    diskSize: Math.min(diskSize, chooseDiskSize(undefined, image.size)),
    kargs,
    ...(isToldBackend && {
      backend: { composefs: backend.option, bootloader: backend.bootloader, bootcArgs },
    }),
    bootcVersion: probe.bootcVersion,
  };
  return { firmware, filesystem, backend, diskSize, parts, base: baseKey(parts) };
}

/** What would be wrong with the domain is found now: an install takes minutes. */
function requireBuildable(plan: VmPlan): void {
  const { directory, format, diskSize, requirements } = plan;
  // Any that is not published: the real one is chosen under a lock, when the domain is defined.
  const published = new Set(requirements.ports.map(({ hostPort }) => hostPort));
  let sshPort = 1;
  while (published.has(sshPort)) sshPort++;
  buildDomain(
    describeVirtualMachine(plan, {
      disk: { path: directory.disk(format), format, size: diskSize },
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

/**
 * The firmware asked for, or the one that the host has.
 * @throws PodmanBootcError `FIRMWARE_UNAVAILABLE`
 */
function requireFirmware(asked: Firmware | undefined, { arch, capabilities }: Hardware): 'efi' | 'bios' {
  const chosen = chooseFirmware(capabilities, arch);
  if (asked === undefined || asked === chosen) return chosen;
  if (asked === 'bios' && arch === 'x86_64') return asked;
  throw new PodmanBootcError(
    'host',
    'FIRMWARE_UNAVAILABLE',
    asked === 'efi'
      ? `libvirt has no UEFI firmware for ${arch}`
      : `There is no BIOS for ${arch}: its VMs boot by UEFI only`,
    {
      remedy:
        asked === 'efi'
          ? `Install it: apt install ovmf, or dnf install edk2-ovmf; or use ${option('firmware', 'bios')}`
          : `Leave out ${option('firmware', 'bios')}`,
    },
  );
}

function chooseAccount(
  host: Host,
  user: string,
  { account }: ImageProbe,
  { cloudInit }: OptionFiles,
): LoginAccount {
  if (account) return account;
  if (user === 'root') return { user, home: '/root', uid: 0, gid: 0 };
  if (cloudInit === undefined) {
    host.report.warn(
      `The image has no user ${user}; assuming that one with the home /home/${user} is made at boot`,
    );
  }
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
