import { withSlirp, withSshPort, readDomain } from '../../domain/edit.js';
import type { VolumeDevice } from '../../domain/devices/filesystem.js';
import { messageOf, PodmanBootcError } from '../../errors.js';
import { option } from '../../option-text.js';
import type { Domain } from '../../libvirt/index.js';
import type { Host } from '../host/host.js';
import { keepDefinition } from '../keep-definition.js';
import { isPortTaken, requirePortsFree, unclaimedPort } from '../guest/port-space.js';
import { requireVolumes, serveVolumes, settleVolumeCredential } from '../guest/volumes.js';
import { virtiofsdComplaint } from '../host/virtiofsd.js';
import {
  lookupDomain,
  asVirtualMachine,
  consoleOf,
  isActiveState,
  localDirectoryOf,
  pausedError,
  settledState,
  vmReference,
  type VirtualMachine,
} from '../virtual-machine.js';
import { checkVmDisk } from '../disks/vm-disk.js';

/** How many ports are tried before the start is given up. */
const portAttempts = 5;

/**
 * Boots a VM that is not running; one that runs is left alone. The port it had is kept if it is free. If
 * somebody takes it before QEMU does, the start is tried again with another, which the domain then keeps.
 * @returns the VM as it is now recorded, and whether it was started by this call
 * @throws PodmanBootcError `START_FAILED`, `PORT_TAKEN`, `PORT_UNUSABLE`, `VOLUME_MISSING`, `DISK_MISSING`, `DISK_DAMAGED`, `BASE_DAMAGED`; `VM_PAUSED` for one that runs no
 * further
 */
export async function startVirtualMachine(
  host: Host,
  vm: VirtualMachine,
): Promise<{ vm: VirtualMachine; started: boolean }> {
  const state = await settledState(vm.domain);
  if (state === 'paused') throw pausedError(vm);
  if (isActiveState(state)) return { vm, started: false };
  const directory = localDirectoryOf(host, vm);
  await directory?.mend(host.directories);
  if (host.features.files) {
    await checkVmDisk(host, vm);
    await requireOwnVolumes(vm);
  }
  if (directory) await settleVolumeCredential(directory, vm.metadata.volumes ?? []);
  const source = consoleOf(host, vm);
  await source?.archive();
  await bootDomain(host, {
    name: vm.name,
    getXml: () => vm.domain.getXml({ inactive: true, secure: true }),
    setXml: async (xml) => {
      await host.connection.defineDomain(xml, { validate: true });
    },
    boot: () => vm.domain.create(),
    isActive: async () => isActiveState(await settledState(vm.domain)),
    remedy: `Look at its definition with \`virsh -c ${host.uri} dumpxml ${vm.uuid}\``,
  });
  await source?.hold();
  const domain = await lookupDomain(host, { uuid: vm.uuid });
  const current = (domain && (await asVirtualMachine(domain))) ?? vm;
  await keepDefinition(host, current);
  return { vm: current, started: true };
}

/**
 * Makes sure that the directories are there that a VM has at its next start.
 * @throws PodmanBootcError `VOLUME_MISSING`
 */
export async function requireOwnVolumes(vm: VirtualMachine): Promise<void> {
  // Not the record of one that runs, which may be of before a change.
  const { metadata } = readDomain(await vm.domain.getXml({ inactive: true }));
  await requireVolumes(vmReference(vm), metadata?.volumes ?? []);
}

/**
 * Boots a transient VM, which libvirt knows only for as long as it runs.
 * @param xml of a domain that there is not; its SSH port may become another one
 * @throws PodmanBootcError `START_FAILED`, `PORT_TAKEN`, `PORT_UNUSABLE`
 */
export async function startTransient(
  host: Host,
  { name, uuid }: { name: string; uuid: string },
  xml: string,
): Promise<Domain> {
  let current = xml;
  let domain: Domain | undefined;
  await bootDomain(host, {
    name,
    getXml: () => Promise.resolve(current),
    setXml: (changed) => {
      current = changed;
      return Promise.resolve();
    },
    boot: async () => {
      domain = await host.connection.createDomain(current);
    },
    isActive: async () => {
      domain = await lookupDomain(host, { uuid });
      return domain !== undefined;
    },
    remedy: '`--log-level debug` shows its XML',
  });
  if (!domain) throw new Error(`${name} has started and ended`);
  return domain;
}

/** A domain that does not run, and what it takes to change that. */
interface Bootable {
  name: string;
  getXml(): Promise<string>;
  /** Changes what it will boot as. */
  setXml(xml: string): Promise<void>;
  boot(): Promise<void>;
  /** Whether it runs all the same, when booting it has failed. */
  isActive(): Promise<boolean>;
  /** What to do when libvirt cannot start it and nobody knows why. */
  remedy: string;
}

/** What a virtiofsd of ours said, which libvirt's message does not know. */
async function complaintOf(volumes: readonly VolumeDevice[]): Promise<string> {
  const socket = volumes.find((volume) => volume.socket !== undefined)?.socket;
  const complaint = socket === undefined ? undefined : await virtiofsdComplaint(socket);
  return complaint === undefined ? '' : `; virtiofsd: ${complaint}`;
}

async function bootDomain(host: Host, domain: Bootable): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const xml = await domain.getXml();
    const description = readDomain(xml);
    const { sshPort: port, metadata, ports, usesPasst, volumes } = description;
    await requirePortsFree(host, ports);
    // Somebody may have changed the forward with virsh: our record follows.
    if (port !== undefined && port !== metadata?.ssh.port) await domain.setXml(withSshPort(xml, port));
    if (port !== undefined && (await isPortTaken(host, port))) {
      const other = await unclaimedPort(host, ports);
      host.report.info(`Port ${port} is taken by another process; SSH moves to port ${other}`);
      await domain.setXml(withSshPort(xml, other));
      if (attempt < portAttempts) continue;
    }
    const served = host.features.files ? await serveVolumes(host, description, volumes) : [];
    try {
      await domain.boot();
      return;
    } catch (error) {
      for (const each of served) each.end();
      // Somebody else started it meanwhile.
      if (await domain.isActive()) return;
      // QEMU names a taken port in words only; asking for the port oneself needs no reading of messages.
      if (port !== undefined && attempt < portAttempts && (await isPortTaken(host, port))) continue;
      if (usesPasst) {
        host.report.warn(`passt did not work (${messageOf(error)}); using QEMU's own user network instead`);
        await domain.setXml(withSlirp(xml));
        continue;
      }
      throw new PodmanBootcError(
        'boot',
        'START_FAILED',
        `libvirt could not start ${domain.name}: ${messageOf(error)}${await complaintOf(volumes)}`,
        {
          // That we, as root, could listen there says nothing of QEMU's own user.
          remedy: ports.some(({ hostPort }) => hostPort < 1024)
            ? `QEMU's user may not listen on ports below 1024: publish others, for example ${option('ports', '8080:80')}`
            : domain.remedy,
          cause: error,
        },
      );
    }
  }
}
