import { basename } from 'node:path';
import { unmarkBases } from './base-users.js';
import type { Host } from '../host/host.js';
import { showDisks } from './storage-pool.js';
import type { VmDirectory } from '../files/vm-directory.js';

/**
 * Deletes all files of a VM that has no domain. libvirt's storage pool is told before the journal goes, so that whoever
 * finishes this after a crash tells it too.
 */
export async function discardFiles(host: Host, directory: VmDirectory): Promise<void> {
  await directory.removeDisk();
  await showDisks(host);
  await directory.remove();
  await unmarkBases(host, basename(directory.path));
}
