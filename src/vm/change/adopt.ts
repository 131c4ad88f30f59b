import { readDomain, withName } from '../../domain/edit.js';
import { DamagedRecord } from '../../durable-file.js';
import { messageOf, PodmanBootcError } from '../../errors.js';
import type { Host } from '../host/host.js';
import { readKeptDefinition } from '../files/kept-definition.js';
import { keepDefinition } from '../keep-definition.js';
import { leftBehindError, type LeftBehindVirtualMachine } from '../left-behind.js';
import { showDisks } from '../disks/storage-pool.js';
import { asVirtualMachine, lookupDomain, requireNoId, type VirtualMachine } from '../virtual-machine.js';
import { requireDisk } from '../disks/vm-disk.js';
import { VmDirectory } from '../files/vm-directory.js';

/**
 * Gives a VM that libvirt has lost its domain back, as it was defined last: same uuid, disk, keys and ports. Nothing is written
 * but the definition, which libvirt takes whole or not at all. Firmware variables and TPM state that went with the old
 * definition are made anew. The caller holds its lock.
 * @param name to call it now; by default what it was called
 * @throws PodmanBootcError `VM_LEFT_BEHIND`, `NAME_TAKEN`, `DISK_MISSING`, `DISK_DAMAGED`, `BASE_DAMAGED`, `ADOPT_FAILED`
 */
export async function adoptVirtualMachine(
  host: Host,
  left: LeftBehindVirtualMachine,
  name?: string,
): Promise<VirtualMachine> {
  const directory = VmDirectory.of(host.directories, left.uuid);
  const kept = await readKeptDefinition(directory);
  if (left.obstacle !== undefined || !kept || kept instanceof DamagedRecord) {
    throw leftBehindError(host, left);
  }
  const called = name ?? kept.name;
  if (await lookupDomain(host, { name: called })) {
    throw new PodmanBootcError(
      'usage',
      'NAME_TAKEN',
      `The name '${called}' is taken by another libvirt domain; nothing was changed`,
      { remedy: `Adopt it under another: podman-bootc adopt --name NAME ${left.id}` },
    );
  }
  await requireNoId(host, called, left.uuid);
  const { metadata } = readDomain(kept.definition);
  if (!metadata) throw leftBehindError(host, { ...left, obstacle: 'was defined without our record' });
  // The VM would be no better off without its disk, and the loss unsaid.
  await requireDisk(host, { name: called, metadata }, 'Put it back, then adopt the VM');
  const xml = called === kept.name ? kept.definition : withName(kept.definition, called);
  let vm: VirtualMachine | undefined;
  try {
    vm = await asVirtualMachine(await host.connection.defineDomain(xml, { validate: true }));
  } catch (cause) {
    throw new PodmanBootcError(
      'define',
      'ADOPT_FAILED',
      `libvirt (${host.uri}) refused the definition of ${called} that was kept: ${messageOf(cause)}`,
      { remedy: `Nothing was changed. It is in ${directory.keptDefinition}`, cause },
    );
  }
  if (!vm) throw new Error(`libvirt dropped the metadata of ${called}`);
  await keepDefinition(host, vm);
  await showDisks(host);
  return vm;
}
