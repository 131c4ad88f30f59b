import { readdir } from 'node:fs/promises';
import { isLibvirtError, type Domain } from '../libvirt/index.js';
import { recoverBases } from './base-store.js';
import { vmsDirectory } from './directories.js';
import { discardFiles } from './discard.js';
import type { Host } from './host.js';
import { tryLock } from './lock.js';
import { lookupDomain } from './virtual-machine.js';
import { VmDirectory } from './vm-directory.js';

/**
 * Finishes or undoes what a killed podman-bootc left half done. Each VM directory with a journal whose lock nobody holds
 * is such a rest, and so is an empty one; all others are left alone. Called first by every command that changes VMs.
 */
export async function recoverAbandoned(host: Host): Promise<void> {
  const uuids = await readdir(vmsDirectory(host.directories)).catch(() => []);
  for (const uuid of uuids) {
    const directory = VmDirectory.of(host.directories, uuid);
    const journal = await directory.readJournal().catch(() => undefined);
    if (journal === undefined && !(await directory.isBlank())) continue;
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
  if (await directory.isBlank()) {
    await directory.removeBlank();
    return;
  }
  if (journal?.uri !== host.uri) {
    // Another libvirt's VM: only a command that talks to that one can tell whether it has the domain.
    return;
  }
  const domain = await lookupDomain(host, { uuid });
  if (domain) {
    // A create whose domain is defined is complete; a removal that has not undefined it has not begun. A transient VM
    // that somebody has defined with virsh is to stay.
    if (journal.operation !== 'transient' || (await isPersistent(domain))) await directory.removeJournal();
    return;
  }
  if (journal.operation === 'transient') {
    host.report.info(`The transient VM ${journal.name} has ended: removing it`);
    // What is found from here on is half removed, and not half made.
    await directory.writeRemovalJournal({ ...journal, operation: 'remove' });
  } else {
    host.report.info(
      `Cleaning up after an interrupted ${journal.operation} of VM ${uuid.replaceAll('-', '').slice(0, 12)}`,
    );
  }
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
