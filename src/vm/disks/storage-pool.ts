import { buildXml, element } from '../../domain/xml.js';
import { messageOf } from '../../errors.js';
import { isLibvirtError, type StoragePool } from '../../libvirt/index.js';
import { disksDirectory } from '../host/directories.js';
import type { Host } from '../host/host.js';

/** What virsh and virt-manager show the directory of disks as. */
const poolName = 'podman-bootc';

/**
 * Shows libvirt what is in the directory of disks now, as a storage pool that is made at the first time. Nothing of ours
 * depends on it, so that a libvirt without storage, or with another pool of that name, is a matter for `debug`.
 */
export async function showDisks(host: Host): Promise<void> {
  try {
    const pool = (await lookupPool(host)) ?? (await definePool(host));
    if (!(await pool.isActive())) await pool.create();
    else await pool.refresh();
  } catch (error) {
    // Another podman-bootc may have been quicker, or is refreshing it.
    host.report.debug(`The storage pool ${poolName} was not brought up to date: ${messageOf(error)}`);
  }
}

async function lookupPool(host: Host): Promise<StoragePool | undefined> {
  try {
    return await host.connection.lookupStoragePoolByName(poolName);
  } catch (error) {
    if (isLibvirtError(error, 'VIR_ERR_NO_STORAGE_POOL')) return undefined;
    throw error;
  }
}

async function definePool(host: Host): Promise<StoragePool> {
  const pool = await host.connection.defineStoragePool(
    buildXml(
      element(
        'pool',
        { type: 'dir' },
        element('name', {}, poolName),
        element('target', {}, element('path', {}, disksDirectory(host.directories))),
      ),
    ),
  );
  await pool.setAutostart(true);
  return pool;
}
