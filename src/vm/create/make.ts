import { chmod, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { checkDiskFits, chooseDiskSize } from '../../bootc/disk-size.js';
import { checkFirmwareSuits, chooseBackend } from '../../bootc/backend.js';
import { checkInstallOptions, chooseFilesystem, installToDisk } from '../../bootc/install.js';
import type { ImageProbe } from '../../bootc/probe.js';
import { hasVerity, verityWarning } from '../../bootc/verity.js';
import { buildDomain, chooseFirmware, chooseNetwork, chooseTpm } from '../../domain/build.js';
import type { Labels } from '../../domain/labels.js';
import type { VmMetadata } from '../../domain/metadata.js';
import type { DomainSpecification } from '../../domain/specification.js';
import { messageOf, PodmanBootcError } from '../../errors.js';
import { option } from '../../option-text.js';
import type { Domain } from '../../libvirt/index.js';
import { engineName, type PodmanEngine } from '../../podman/engine.js';
import type { Image } from '../../podman/images.js';
import { requireShared } from '../../podman/shares.js';
import { isInstalled } from '../../process.js';
import { formatSize } from '../../sizes.js';
import { tmpfilesExtra, type LoginAccount } from '../../ssh/credentials.js';
import type { PublicKey } from '../../ssh/public-key.js';
import { generateKeyPair } from '../../ssh/keys.js';
import { formatKnownHost } from '../../ssh/known-hosts.js';
import { baseKey, type BaseParts } from '../disks/base-key.js';
import { markBase } from '../disks/base-users.js';
import { withBaseDisk, type BaseDisk } from '../disks/base-store.js';
import { makeCloudInitIso, tellOfHostKeys } from '../guest/cloud-init.js';
import { discardFiles } from '../disks/discard.js';
import type { AcceleratorPreference } from '../host/accelerator-preference.js';
import { chooseHardware, architectureOf, type Hardware } from '../host/hardware.js';
import type { Host } from '../host/host.js';
import { hostnameCredential } from '../guest/hostname.js';
import type { Requirements } from './requirements.js';
import { idOf, type Identity } from '../identity.js';
import { keepDefinition } from '../keep-definition.js';
import { requireNothingThere } from '../left-behind.js';
import { acquireLock } from '../host/lock.js';
import { passwordCredential, preparePassword } from '../guest/password.js';
import { recoverDirectory } from '../disks/recover.js';
import { removeVirtualMachine } from '../change/remove.js';
import { startTransient } from '../power/start.js';
import { showDisks } from '../disks/storage-pool.js';
import { unclaimedPort } from '../guest/port-space.js';
import { asVirtualMachine, lookupDomain, type VirtualMachine } from '../virtual-machine.js';
import type { DiskFormatPreference, Firmware } from '../option-values.js';
import { VmDirectory } from '../files/vm-directory.js';
import { makeVmDisk, vmDiskFormat } from '../disks/vm-disk.js';

/** What a new VM is made of; everything is checked already. */
export interface NewVirtualMachine extends Requirements {
  identity: Identity;
  /** Boots it at once, as a domain that is gone when it stops. */
  transient: boolean;
  /** The VM that has the name now, and goes as late as possible. */
  replaces: VirtualMachine | undefined;
  engine: PodmanEngine;
  image: Image;
  /** The name the image is recorded and run under. */
  reference: string;
  probe: ImageProbe;
  accelerator: AcceleratorPreference;
  /** Bytes. */
  rootSizeMax: number | undefined;
  /** Kernel arguments besides the image's. */
  kargs: readonly string[];
  diskFormat: DiskFormatPreference;
  /** Absolute path of a directory that the disk is installed in, when it cannot be where it stays. */
  scratch: string | undefined;
  /** Absolute path of a checked directory. */
  cloudInit: string | undefined;
  user: string;
  /** The user's own keys. */
  sshKeys: readonly PublicKey[];
  /** Root's. */
  password: string | undefined;
  hostname: string | undefined;
  labels: Labels | undefined;
  quiet: boolean;
}

/** systemd takes credentials from SMBIOS and fw_cfg since this version. */
const credentialsSince = 252;

/**
 * Makes a VM: a disk from the base disk of its image, which is installed if there is none yet, keys and credentials, the
 * domain. The caller holds the VM's lock. The domain is defined last, so a VM is either complete or, by its journal,
 * known not to be. A transient one keeps its journal, and a domain that runs takes the place of the definition.
 */
export async function createVirtualMachine(
  host: Host,
  vm: NewVirtualMachine,
  signal?: AbortSignal,
): Promise<VirtualMachine> {
  const { identity, image } = vm;
  // Everything that can be refused is, before the long install.
  const hardware = await chooseHardware(host, architectureOf(image.architecture), vm.accelerator, signal);
  checkCpus(vm.cpus, hardware.capabilities.maxVcpus);
  const firmware = requireFirmware(vm.firmware, hardware);
  const filesystem = chooseFilesystem(vm.filesystem, vm.probe);
  const backend = chooseBackend(vm, vm.probe);
  checkFirmwareSuits(vm.reference, backend, firmware, vm.origins.firmware ?? 'default');
  const { bootcArgs } = vm;
  checkInstallOptions({ ...vm, backend });
  const diskSize = chooseDiskSize(vm.diskSize, image.size);
  const parts: BaseParts = {
    imageId: image.id,
    reference: vm.reference,
    filesystem: filesystem.effective,
    rootSizeMax: vm.rootSizeMax,
    // A larger disk is an overlay that is larger; a smaller one has to be installed.
    diskSize: Math.min(diskSize, chooseDiskSize(undefined, image.size)),
    kargs: vm.kargs,
    ...((backend.option || backend.bootloader !== undefined || bootcArgs.length > 0) && {
      backend: { composefs: backend.option, bootloader: backend.bootloader, bootcArgs },
    }),
    bootcVersion: vm.probe.bootcVersion,
  };
  if (vm.cloudInit !== undefined) await tellOfHostKeys(host.report, vm.cloudInit);
  const directory = VmDirectory.of(host.directories, identity.uuid);
  const base = baseKey(parts);
  const install = async (disk: string, partialDisk: string): Promise<void> => {
    await requireShared(vm.engine, vm.reference, dirname(disk), signal);
    host.report.info(
      `Installing ${vm.reference} to a disk of ${formatSize(parts.diskSize)} (${filesystem.effective}: ${filesystem.reason})${backend.reason === undefined ? '' : `, by bootc's composefs backend (${backend.reason})`}`,
    );
    if (backend.composefs) {
      const isThere = await hasVerity(vm.engine, vm.reference, signal);
      const warning = verityWarning(filesystem.effective, bootcArgs, isThere, vm.probe.hasUki);
      if (warning !== undefined) host.report.warn(warning);
    }
    await installToDisk(
      {
        engine: vm.engine,
        reference: vm.reference,
        disk,
        partialDisk,
        diskSize: parts.diskSize,
        imageSize: image.size,
        filesystem: filesystem.option,
        rootSizeMax: vm.rootSizeMax,
        kargs: vm.kargs,
        backend,
        bootcArgs,
        probe: vm.probe,
        expected: {
          architecture: hardware.arch,
          firmware: backend.hasLoader ? firmware : undefined,
          filesystem: filesystem.effective,
        },
        quiet: vm.quiet,
      },
      host.report,
      signal,
    );
  };
  const installation = { engine: vm.engine, scratch: vm.scratch, install };
  if (vm.replaces) {
    // With the base disk there, nothing that takes long or often fails is left to do.
    await withBaseDisk(host, parts, installation, () => Promise.resolve(), signal);
    await removeReplaced(host, vm.replaces, identity);
  }
  await requireNothingThere(host, identity.uuid);
  const format = vmDiskFormat(vm.diskFormat);
  await directory.claim(
    host.directories,
    {
      operation: vm.transient ? 'transient' : 'create',
      uri: host.uri,
      name: identity.name,
      image: vm.reference,
      since: new Date().toISOString(),
      base,
    },
    format,
  );
  try {
    await checkDiskFits(directory.disk('qcow2'), diskSize);
    const disk = await withBaseDisk(
      host,
      parts,
      installation,
      async (made: BaseDisk) => {
        if (format === 'qcow2') {
          const { uuid, name } = identity;
          await markBase(host, made.key, { uuid, name, directory, disk: directory.disk(format) });
        }
        return await makeVmDisk(host, made, directory, format, diskSize);
      },
      signal,
    );
    host.report.progress?.({ type: 'stage', stage: 'define', detail: identity.name });
    if (vm.cloudInit !== undefined) await makeCloudInitIso(vm.cloudInit, directory.cloudInitIso);
    const login = await prepareLogin(host, vm, directory);
    if (vm.password !== undefined) await preparePassword(directory, vm.password);
    // Until the domain is defined nobody else can see which port it has.
    await using _ports = await acquireLock(host, 'ports', {
      what: 'the ports of a new VM',
      signal,
      brief: true,
    });
    const metadata: VmMetadata = {
      uuid: identity.uuid,
      directory: directory.path,
      image: {
        reference: vm.reference,
        id: image.id,
        ...(image.digest !== undefined && { digest: image.digest }),
      },
      install: {
        filesystem: filesystem.effective,
        ...(vm.rootSizeMax !== undefined && { rootSizeMax: vm.rootSizeMax }),
        podman: engineName(vm.engine),
        bootcVersion: vm.probe.bootcVersion,
        kargs: [...vm.kargs],
        composefsBackend: backend.composefs,
        ...(backend.bootloader !== undefined && { bootloader: backend.bootloader }),
        bootcArgs: [...bootcArgs],
      },
      disk: { path: disk.path, size: disk.size, format: disk.format, base },
      ssh: {
        port: await unclaimedPort(host, vm.ports),
        user: vm.user,
        hostKey: login.hostKey,
        keys: vm.sshKeys.map(({ fingerprint }) => fingerprint),
      },
      ports: [...vm.ports],
      ...(vm.hostname !== undefined && { hostname: vm.hostname }),
      origins: vm.origins,
      ...(vm.cloudInit !== undefined && { cloudInit: { directory: vm.cloudInit } }),
      ...(vm.labels && { labels: vm.labels }),
      created: new Date().toISOString(),
    };
    const { capabilities } = hardware;
    const xml = buildDomain({
      ...identity,
      title: `podman-bootc: ${vm.reference}`,
      arch: hardware.arch,
      domainType: hardware.domainType,
      cpus: vm.cpus,
      memory: vm.memory,
      disk,
      ...(vm.cloudInit !== undefined && { cloudInitIso: directory.cloudInitIso }),
      consoleLog: directory.consoleLog,
      ...guestAgent(host, directory),
      sshPort: metadata.ssh.port,
      network: chooseNetwork(capabilities),
      firmware,
      nvram: directory.nvram,
      tpm: chooseTpm(capabilities, await isInstalled('swtpm')),
      credentials: {
        smbios: {
          'tmpfiles.extra': login.publicCredential,
          ...(vm.hostname !== undefined && hostnameCredential(vm.hostname)),
        },
        files: {
          'tmpfiles.extra': directory.tmpfilesCredential,
          ...(vm.password !== undefined && { [passwordCredential]: directory.password }),
        },
      },
      metadata,
      capabilities,
    });
    await showDisks(host);
    signal?.throwIfAborted();
    host.report.debug(`${vm.transient ? 'Starting' : 'Defining'} ${identity.name}:\n${xml}`);
    const domain = vm.transient
      ? await startTransient(host, identity, xml)
      : await defineDomain(host, identity, xml);
    const made = await asVirtualMachine(domain);
    if (!made) throw new Error(`libvirt dropped the metadata of ${identity.name}`);
    await keepDefinition(host, made);
    if (!vm.transient) await directory.removeJournal();
    return made;
  } catch (error) {
    // Without a domain there is no VM; with one (only removing the journal can have failed) there is. When libvirt
    // cannot be asked, the journal is left for the next command, which can.
    const isUndefined = await lookupDomain(host, { uuid: identity.uuid }).then(
      (domain) => domain === undefined,
      () => false,
    );
    if (isUndefined) await discardFiles(host, directory);
    throw error;
  }
}

/** The caller holds the lock of the new VM, which may be that of the old one. */
async function removeReplaced(host: Host, vm: VirtualMachine, { uuid }: Identity): Promise<void> {
  await using _lock =
    vm.uuid === uuid ? undefined : await acquireLock(host, vm.uuid, { what: `the VM ${vm.name}` });
  if (!(await lookupDomain(host, { uuid: vm.uuid }))) {
    // A transient one leaves its files to whoever comes next.
    await recoverDirectory(host, vm.uuid, VmDirectory.of(host.directories, vm.uuid));
    return;
  }
  await removeVirtualMachine(host, vm, { force: true });
  host.report.info(`Removed ${vm.name}, which is made anew`);
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

/** What fits into `sockaddr_un` with its final NUL, on Linux (unix(7)); macOS has four less. */
const longestSocketPath = process.platform === 'darwin' ? 103 : 107;

/**
 * The guest agent's channel. A session daemon would put its socket below the home directory, where a home of 19
 * characters already makes the path too long and the start fail (libvirt 9.0); ours is shorter.
 */
function guestAgent(host: Host, { agentSocket }: VmDirectory): Pick<DomainSpecification, 'guestAgent'> {
  if (!host.runsQemuAsUs) return {};
  if (Buffer.byteLength(agentSocket) <= longestSocketPath) return { guestAgent: { socket: agentSocket } };
  host.report.debug(`No guest agent channel: ${agentSocket} is too long for a socket`);
  return { guestAgent: 'none' };
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
 * Makes the key that logs in and the guest's host key, and the credentials that hand them over. The public
 * key goes through SMBIOS as part of the domain. The private host key goes through fw_cfg from a file that
 * only QEMU reads, because QEMU's arguments are public; where a guest takes both, the file wins.
 */
async function prepareLogin(
  host: Host,
  vm: NewVirtualMachine,
  directory: VmDirectory,
): Promise<{ publicCredential: string; hostKey: VmMetadata['ssh']['hostKey'] }> {
  const id = idOf(vm.identity.uuid);
  await generateKeyPair(directory.identity, `podman-bootc-${id}`);
  await generateKeyPair(directory.hostKey, `podman-bootc-${id}`);
  const [ownKey, privateKey, publicKey] = await Promise.all([
    readFile(`${directory.identity}.pub`, 'utf8'),
    readFile(directory.hostKey, 'utf8'),
    readFile(`${directory.hostKey}.pub`, 'utf8'),
  ]);
  const account = loginAccount(host, vm);
  const { hostname } = vm;
  const authorizedKeys = [ownKey.trimEnd(), ...vm.sshKeys.map(({ line }) => line)].join('\n');
  await writeFile(
    directory.tmpfilesCredential,
    tmpfilesExtra({ account, authorizedKeys, hostname, hostKey: { private: privateKey, public: publicKey } }),
    { mode: 0o600 },
  );
  await chmod(directory.tmpfilesCredential, 0o600);
  const { systemdVersion } = vm.probe;
  const handedOver = systemdVersion !== undefined && systemdVersion >= credentialsSince;
  if (handedOver) {
    await writeFile(directory.knownHosts, formatKnownHost(`podman-bootc-${id}`, publicKey), { mode: 0o600 });
  } else {
    host.report.warn(
      `The image has ${systemdVersion === undefined ? 'no systemd that says its version' : `systemd ${systemdVersion}`}, and SSH keys are handed over from systemd ${credentialsSince} on: logging in may fail`,
    );
  }
  return {
    publicCredential: tmpfilesExtra({ account, authorizedKeys, hostname }),
    hostKey: handedOver ? 'handed-over' : 'first-contact',
  };
}

function loginAccount(host: Host, { user, probe, cloudInit }: NewVirtualMachine): LoginAccount {
  if (probe.account) return probe.account;
  if (user === 'root') return { user, home: '/root', uid: 0, gid: 0 };
  if (cloudInit === undefined) {
    host.report.warn(
      `The image has no user ${user}; assuming that one with the home /home/${user} is made at boot`,
    );
  }
  return { user, home: `/home/${user}` };
}

async function defineDomain(host: Host, identity: Identity, xml: string): Promise<Domain> {
  try {
    return await host.connection.defineDomain(xml, { validate: true });
  } catch (cause) {
    throw new PodmanBootcError(
      'define',
      'DEFINE_FAILED',
      `libvirt (${host.uri}) refused the domain ${identity.name}: ${messageOf(cause)}`,
      {
        remedy: '`--log-level debug` shows its XML',
        cause,
      },
    );
  }
}
