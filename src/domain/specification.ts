import { isAbsolute } from 'node:path';

import { PodmanBootcError, messageOf } from '../errors.js';
import type { DomainCapabilities } from './capabilities.js';
import type { VolumeDevice } from './devices/filesystem.js';
import { checkLabel } from './labels.js';
import { forwardAddress, guestSshPort } from './devices/network.js';
import { metadataElement, parseMetadata, type VmMetadata } from './metadata.js';
import { checkPortsDistinct, checkPublishedPort } from './ports.js';
import { checkVolume, checkVolumesDistinct } from './volumes.js';

/** All that decides what a VM's domain looks like. */
export interface DomainSpecification {
  /** Not empty, no "/" (libvirt's rule), no line break. */
  name: string;
  uuid: string;
  /** One line for people. */
  title?: string;
  /** Text for people, line breaks allowed. */
  description?: string;
  arch: 'x86_64' | 'aarch64';
  domainType: 'kvm' | 'qemu' | 'hvf';
  cpus: number;
  /** Bytes; rounded up to whole KiB. */
  memory: number;
  /** The VM's disk; `backing` is the disk it is an overlay of. All formats are explicit, so nobody ever probes them. */
  disk: {
    path: string;
    format: 'raw' | 'qcow2';
    backing?: BackingDisk;
  };
  /** Path of an ISO image with cloud-init's `cidata`. */
  cloudInitIso?: string;
  /** File that gets a copy of what the serial console prints; emptied at every start. */
  consoleLog: string;
  /**
   * Where the guest agent's channel is on the host. Default: where libvirt chooses, which for a user's session daemon
   * is below the home directory and soon too long for a socket (107 characters).
   */
  guestAgent?: { socket: string } | 'none';
  /** Port on 127.0.0.1 that leads to port 22 of the guest. */
  sshPort: number;
  network: 'passt' | 'slirp';
  /** `bios` exists on x86_64 only. */
  firmware: 'efi' | 'bios';
  /**
   * File of the UEFI variables, which libvirt makes from the firmware's template. Default: one that libvirt names after
   * the domain, and so leaves behind when that gets another name, for the next domain of the old name to find.
   */
  nvram?: string;
  /** With the distributions' keys enrolled; needs `efi`. Default: false. */
  secureBoot?: boolean;
  tpm: boolean;
  credentials: {
    /** Credential name to its text. Every local user can read these in QEMU's arguments: nothing secret. */
    smbios: Record<string, string>;
    /** Credential name (at most 28 characters) to the path of a file, mode 0600, that must exist at every start. */
    files: Record<string, string>;
  };
  /** The devices of the volumes in the metadata. */
  volumes?: readonly VolumeDevice[] | undefined;
  metadata: VmMetadata;
  capabilities: DomainCapabilities;
  /** Path of the QEMU binary. Default: libvirt's own choice. */
  emulator?: string;
}

/** A disk that another one is an overlay of. */
export interface BackingDisk {
  path: string;
  format: 'raw' | 'qcow2';
  /** What it is an overlay of itself. */
  backing?: BackingDisk;
  /** Whether libvirt leaves its owner alone; default: libvirt gives it to QEMU's user, as it is configured to. */
  keepsOwner?: boolean;
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** A sentence about bad input: "Expected … to be …, got …". */
export function usage(what: string, expected: string, value: unknown): PodmanBootcError {
  return new PodmanBootcError(
    'usage',
    'DOMAIN_SPECIFICATION',
    `Expected ${what} to be ${expected}, got ${typeof value === 'string' ? JSON.stringify(value) : String(value)}`,
  );
}

/**
 * Refuses what libvirt or QEMU would refuse later in words nobody understands, and what does not fit together.
 *
 * @throws PodmanBootcError `DOMAIN_SPECIFICATION` (usage)
 */
export function checkSpecification(spec: DomainSpecification): void {
  checkNames(spec);
  checkPaths(spec);
  checkNumbers(spec);
  if (spec.arch === 'aarch64' && spec.firmware === 'bios')
    throw usage('the firmware of an aarch64 VM', 'efi', spec.firmware);
  if (spec.secureBoot === true && spec.firmware !== 'efi')
    throw usage('the firmware for secure boot', 'efi', spec.firmware);
  checkVolumes(spec);
  checkRecord(spec.metadata);
  // Defaults would be chosen from what another emulator can do.
  const { arch, virtType } = spec.capabilities;
  if (arch !== spec.arch) throw usage('the architecture of the domain capabilities', spec.arch, arch);
  if (virtType !== spec.domainType)
    throw usage('the domain type of the domain capabilities', spec.domainType, virtType);
}

function checkVolumes({ domainType, volumes = [], metadata }: DomainSpecification): void {
  if (volumes.length > 0 && domainType === 'hvf')
    throw usage('the domain type of a VM with volumes', 'kvm or qemu', domainType);
  const recorded = metadata.volumes ?? [];
  for (const volume of recorded) checkVolume(volume);
  checkVolumesDistinct(recorded);
  for (const { socket } of volumes) if (socket !== undefined) checkPath('the socket of a volume', socket);
  if (volumes.length !== recorded.length)
    throw usage('the volumes of a VM', 'those in its metadata', volumes.length);
}

// A record that can't be read back would make a VM that nobody can manage.
function checkRecord(metadata: VmMetadata): void {
  try {
    parseMetadata(metadataElement(metadata));
  } catch (error) {
    throw usage('the metadata of a VM', `readable again: ${messageOf(error)}`, JSON.stringify(metadata));
  }
}

function checkNames(spec: DomainSpecification): void {
  if (spec.name.includes('/') || spec.name.trim() === '')
    throw usage('the name of a VM', 'neither empty nor with a "/" in it', spec.name);
  checkLine('the name of a VM', spec.name);
  if (!uuidPattern.test(spec.uuid)) throw usage('the UUID of a VM', 'of the form 8-4-4-4-12', spec.uuid);
  if (spec.title !== undefined) {
    if (spec.title === '') throw usage('the title of a VM', 'not empty', spec.title);
    checkLine('the title of a VM', spec.title);
  }
  if (spec.description !== undefined) checkText('the description of a VM', spec.description);
  const { image, install, ssh } = spec.metadata;
  checkLine('the image reference', image?.reference ?? '');
  checkLine('the image digest', image?.digest ?? '');
  checkLine('the podman connection', install?.podman ?? '');
  checkLine('the file system', install?.filesystem ?? '');
  checkLine('the version of bootc', install?.bootcVersion ?? '');
  checkLine('the user', ssh.user);
  for (const label of Object.entries(spec.metadata.labels ?? {})) checkLabel(...label);
  for (const karg of install?.kargs ?? []) checkLine('a kernel argument', karg);
  checkLine('the boot loader', install?.bootloader ?? '');
  for (const argument of install?.bootcArgs ?? []) checkLine('an argument of bootc', argument);
  for (const fingerprint of ssh.keys ?? []) checkLine('the fingerprint of a key', fingerprint);
  checkLine('the host name', spec.metadata.hostname ?? '');
}

function checkPaths(spec: DomainSpecification): void {
  checkPath('the path of the disk', spec.disk.path);
  for (let below = spec.disk.backing; below; below = below.backing)
    checkPath('the path of the base disk', below.path);
  if (spec.cloudInitIso !== undefined) checkPath('the path of the cloud-init disk', spec.cloudInitIso);
  checkPath('the path of the console log', spec.consoleLog);
  if (spec.nvram !== undefined) checkPath('the path of the UEFI variables', spec.nvram);
  if (spec.emulator !== undefined) checkPath('the path of the emulator', spec.emulator);
  const { disk, directory, source, ssh } = spec.metadata;
  if (source) checkPath('the path of the disk that a VM is made of', source.path);
  if (ssh.identity !== undefined) checkPath('the path of the private key', ssh.identity);
  if (disk) checkPath('the path of the disk in the metadata', disk.path);
  if (directory !== undefined) checkPath('the directory in the metadata', directory);
  if (spec.metadata.cloudInit) checkLine('the cloud-init directory', spec.metadata.cloudInit.directory);
}

function checkNumbers(spec: DomainSpecification): void {
  const { maxVcpus } = spec.capabilities;
  if (!Number.isSafeInteger(spec.cpus) || spec.cpus < 1)
    throw usage('the number of CPUs', 'a whole number from 1', spec.cpus);
  if (maxVcpus !== undefined && spec.cpus > maxVcpus)
    throw usage(
      'the number of CPUs',
      `at most ${maxVcpus}, which is what ${spec.capabilities.emulator} can do`,
      spec.cpus,
    );
  if (!Number.isSafeInteger(spec.memory) || spec.memory < 1024 * 1024)
    throw usage('the memory of a VM', 'a whole number of bytes, at least 1 MiB', spec.memory);
  checkPort(spec.sshPort);
  if (spec.metadata.ssh.port !== spec.sshPort)
    throw usage('the SSH port in the metadata', String(spec.sshPort), spec.metadata.ssh.port);
  const ports = spec.metadata.ports ?? [];
  for (const port of ports) checkPublishedPort(port);
  const ssh = {
    protocol: 'tcp',
    address: forwardAddress,
    hostPort: spec.sshPort,
    guestPort: guestSshPort,
  } as const;
  checkPortsDistinct([ssh, ...ports]);
}

/** @throws PodmanBootcError `DOMAIN_SPECIFICATION` (usage) */
export function checkPort(port: number): void {
  if (!Number.isInteger(port) || port < 1 || port > 65535)
    throw usage('the SSH port', 'a port from 1 to 65535', port);
}

/** @throws PodmanBootcError `DOMAIN_SPECIFICATION` (usage) */
export function checkPath(what: string, path: string): void {
  if (!isAbsolute(path)) throw usage(what, 'absolute', path);
  checkLine(what, path);
}

// libvirt's schema allows no line break in any of these; the other control characters would garble what people read.
function checkLine(what: string, value: string): void {
  if (/\p{Control}|\p{Surrogate}/u.test(value)) throw usage(what, 'free of control characters', value);
}

function checkText(what: string, value: string): void {
  if (/[^\P{Control}\n\t]|\p{Surrogate}/u.test(value)) throw usage(what, 'free of control characters', value);
}
