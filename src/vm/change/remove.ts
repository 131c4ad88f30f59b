import { readDomain } from '../../domain/edit.js';
import { madeOf } from '../../domain/metadata.js';
import { DamagedRecord } from '../../durable-file.js';
import { messageOf, PodmanBootcError } from '../../errors.js';
import { isLibvirtError } from '../../libvirt/index.js';
import { isThere } from '../../paths.js';
import { removeBase } from '../disks/base-store.js';
import { discardFiles } from '../disks/discard.js';
import type { Host } from '../host/host.js';
import { isOf, readKeptDefinition } from '../files/kept-definition.js';
import {
  directoryOf,
  ignoreNotRunning,
  isActiveState,
  stateOf,
  type VirtualMachine,
} from '../virtual-machine.js';
import type { VmDirectory } from '../files/vm-directory.js';

/**
 * Removes a VM: its domain with firmware variables and TPM state, and its directory. Nothing else: other
 * disks that somebody attached stay. The caller holds the VM's lock.
 * @param options.force ends it first when it runs
 * @param options.purge removes its base disk too, unless something else needs it
 * @throws PodmanBootcError `VM_RUNNING`, `REMOVE_FAILED`
 */
export async function removeVirtualMachine(
  host: Host,
  vm: VirtualMachine,
  options: { force?: boolean; purge?: boolean } = {},
): Promise<void> {
  const state = await stateOf(vm);
  const isActive = isActiveState(state);
  if (isActive && options.force !== true) {
    throw new PodmanBootcError(
      'usage',
      'VM_RUNNING',
      `The VM ${vm.name} is ${String(state)}, and a VM is removed only when it is shut off`,
      {
        remedy: `Stop it first with \`podman-bootc stop ${vm.id}\`, or end and remove it with \`podman-bootc rm -f ${vm.id}\``,
      },
    );
  }
  const directory = await ownDirectory(host, vm);
  const disks = await disksOf(vm);
  const writeJournal = async (): Promise<void> => {
    await directory?.writeRemovalJournal({
      operation: 'remove',
      uri: host.uri,
      name: vm.name,
      image: madeOf(vm.metadata),
      since: new Date().toISOString(),
    });
  };
  // Before the VM is ended: where nothing can be written, it goes on. A transient one has a journal, which says for as long
  // as it runs that it is to be removed afterwards.
  const isTransient = (await directory?.readableJournal())?.operation === 'transient';
  if (!isTransient) await writeJournal();
  try {
    // It may have ended by itself meanwhile.
    if (isActive) await vm.domain.destroy().catch(ignoreNotRunning);
    await undefine(host, vm);
  } catch (cause) {
    if (!isTransient) await directory?.removeJournal();
    throw new PodmanBootcError(
      'failure',
      'REMOVE_FAILED',
      `libvirt could not remove ${vm.name}: ${messageOf(cause)}`,
      { cause },
    );
  }
  // What is found from here on is half removed, and not half made.
  if (isTransient) await writeJournal();
  if (directory) await discardFiles(host, directory);
  const { disk } = vm.metadata;
  for (const path of new Set([...(disk ? [disk.path] : []), ...disks])) {
    if (path === vm.metadata.source?.path) host.report.info(`The disk ${path} is yours, and stays`);
    else if (await isThere(path))
      host.report.warn(`The disk ${path} is not where podman-bootc keeps disks, and was left alone`);
  }
  if (options.purge && disk?.base !== undefined && !(await removeBase(host, disk.base))) {
    host.report.info(`The base disk of ${madeOf(vm.metadata)} stays: other VMs need it`);
  }
}

/**
 * The directory of a VM, unless it is another libvirt's: in old versions, VMs with one uuid in two libvirts shared it.
 */
async function ownDirectory(host: Host, vm: VirtualMachine): Promise<VmDirectory | undefined> {
  const directory = directoryOf(vm);
  const kept = directory && (await readKeptDefinition(directory));
  if (!kept || kept instanceof DamagedRecord || isOf(host, kept)) return directory;
  host.report.warn(`${directory.path} belongs to a VM of ${kept.uri}, and was left alone`);
  return undefined;
}

/** Somebody may have given it further ones, or moved its own. */
async function disksOf(vm: VirtualMachine): Promise<string[]> {
  try {
    return readDomain(await vm.domain.getXml({ inactive: true })).diskPaths;
  } catch (error) {
    if (isLibvirtError(error, 'VIR_ERR_NO_DOMAIN')) return [];
    throw error;
  }
}

async function undefine(host: Host, vm: VirtualMachine): Promise<void> {
  // Libvirt's test driver refuses flags for what it does not have.
  const isQemu = (await host.connection.getType()) === 'QEMU';
  try {
    await vm.domain.undefine({
      managedSave: true,
      snapshotsMetadata: true,
      ...(isQemu && { checkpointsMetadata: true, nvram: true, tpm: true }),
    });
  } catch (error) {
    // Removed by somebody else, or transient: what is left is the directory.
    if (!isLibvirtError(error, 'VIR_ERR_NO_DOMAIN')) throw error;
  }
}
