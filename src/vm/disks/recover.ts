import { readdir } from 'node:fs/promises';
import { DamagedRecord } from '../../durable-file.js';
import { isLibvirtError, type Domain } from '../../libvirt/index.js';
import { recoverBases } from './base-store.js';
import { vmsDirectory } from '../host/directories.js';
import { discardFiles } from './discard.js';
import type { Host } from '../host/host.js';
import { idOf } from '../identity.js';
import { disksAreGone, isOf, readKeptDefinition, type KeptDefinition } from '../files/kept-definition.js';
import { keepDefinition } from '../keep-definition.js';
import { tryLock } from '../host/lock.js';
import { asVirtualMachine, lookupDomain } from '../virtual-machine.js';
import { VmDirectory } from '../files/vm-directory.js';

/**
 * Finishes or undoes what a killed podman-bootc left half done. Each VM directory with a journal whose lock nobody holds
 * is such a leftover, and so is an empty one. One whose VM somebody removed from libvirt together with its disk is swept; all
 * others are left alone. Called first by every command that changes VMs.
 */
export async function recoverAbandoned(host: Host): Promise<void> {
  const uuids = await readdir(vmsDirectory(host.directories)).catch(() => []);
  const domains = new Set((await host.connection.listAllDomains()).map(({ uuid }) => uuid));
  for (const uuid of uuids) {
    const directory = VmDirectory.of(host.directories, uuid);
    const journal = await directory.readJournal();
    if (journal instanceof DamagedRecord) {
      host.report.warn(`${String(journal)}; what it belongs to is left alone`);
      continue;
    }
    const isSuspect =
      journal !== undefined ||
      (await directory.isBlank()) ||
      (!domains.has(uuid) && (await removedElsewhere(host, directory)) !== undefined);
    if (!isSuspect) continue;
    await using lock = await tryLock(host, uuid);
    if (!lock) continue;
    await recoverDirectory(host, uuid, directory);
  }
  await recoverBases(host);
}

/** The same for one directory, whose lock the caller holds. */
export async function recoverDirectory(host: Host, uuid: string, directory: VmDirectory): Promise<void> {
  // Read again: whoever held the lock may have finished.
  const journal = await directory.readJournal();
  if (journal instanceof DamagedRecord) return;
  if (await directory.isBlank()) {
    await directory.removeBlank();
    return;
  }
  const domain = await lookupDomain(host, { uuid });
  if (journal === undefined) {
    const removed = domain ? undefined : await removedElsewhere(host, directory);
    if (removed) await sweep(host, directory, removed);
    return;
  }
  // Another libvirt's VM: only a command that talks to that one can tell whether it has the domain.
  if (!isOf(host, journal)) return;
  if (domain) {
    // A create whose domain is defined is complete; a removal that has not undefined it has not begun. A transient VM
    // that somebody has defined with virsh is to stay.
    if (journal.operation === 'transient' && !(await isPersistent(domain))) return;
    const vm = await asVirtualMachine(domain);
    if (vm) await keepDefinition(host, vm);
    await directory.removeJournal();
    return;
  }
  if (journal.operation === 'transient') {
    host.report.info(`The transient VM ${journal.name} has ended: removing it`);
    // What is found from here on is half removed, and not half made.
    await directory.writeRemovalJournal({ ...journal, operation: 'remove' });
  } else {
    host.report.info(`Cleaning up after an interrupted ${journal.operation} of VM ${idOf(uuid)}`);
  }
  await discardFiles(host, directory);
}

/**
 * A VM that somebody removed with its disk, and not through us (`virsh undefine --remove-all-storage`, virt-manager): keys and
 * logs are left, for nobody. Only where its record says that it was this libvirt's, and the disks are really deleted.
 */
async function removedElsewhere(host: Host, directory: VmDirectory): Promise<KeptDefinition | undefined> {
  const kept = await readKeptDefinition(directory);
  if (!kept || kept instanceof DamagedRecord || !isOf(host, kept)) return undefined;
  return (await directory.findDisk()) === undefined && (await disksAreGone(kept)) ? kept : undefined;
}

async function sweep(host: Host, directory: VmDirectory, { name, image }: KeptDefinition): Promise<void> {
  host.report.info(
    `The VM ${name} was removed from libvirt with its disk: removing its keys and logs (${directory.path})`,
  );
  const since = new Date().toISOString();
  await directory.writeRemovalJournal({ operation: 'remove', uri: host.uri, name, image, since });
  await discardFiles(host, directory);
}

/** False also of one that has ended meanwhile, and is gone. */
async function isPersistent(domain: Domain): Promise<boolean> {
  try {
    return await domain.isPersistent();
  } catch (error) {
    if (isLibvirtError(error, 'VIR_ERR_NO_DOMAIN')) return false;
    throw error;
  }
}
