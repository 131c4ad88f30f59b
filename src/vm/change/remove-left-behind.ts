import { discardFiles } from '../disks/discard.js';
import { VmDirectory } from '../files/vm-directory.js';
import type { Host } from '../host/host.js';
import { leftBehindError, type LeftBehindVirtualMachine } from '../left-behind.js';

/**
 * Removes what is left of a VM. The caller holds its lock and has asked libvirt for a domain.
 * @param force also where nothing says whose it was
 * @throws PodmanBootcError `VM_LEFT_BEHIND`
 */
export async function removeLeftBehind(
  host: Host,
  vm: LeftBehindVirtualMachine,
  { force = false }: { force?: boolean } = {},
): Promise<void> {
  if (vm.name === undefined && !force) throw leftBehindError(host, vm);
  const directory = VmDirectory.of(host.directories, vm.uuid);
  await directory.writeRemovalJournal({
    operation: 'remove',
    uri: host.uri,
    name: vm.name ?? vm.id,
    image: vm.image ?? 'unknown',
    since: new Date().toISOString(),
  });
  await discardFiles(host, directory);
}
