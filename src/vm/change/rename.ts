import { messageOf, PodmanBootcError } from '../../errors.js';
import type { Host } from '../host/host.js';
import { keepDefinition } from '../keep-definition.js';
import {
  isActiveState,
  lookupDomain,
  requireNoId,
  requirePersistent,
  settledState,
  type VirtualMachine,
} from '../virtual-machine.js';

/**
 * Gives a VM that is shut off another name. One call of libvirt does it, which either has happened or has not, and
 * all files of a VM are named by its uuid: a crash leaves nothing to mend. The caller has checked the name and holds
 * its lock and the VM's.
 * @throws PodmanBootcError `NAME_TAKEN`, `VM_TRANSIENT`, `VM_RUNNING`, `RENAME_FAILED`
 */
export async function renameVirtualMachine(
  host: Host,
  vm: VirtualMachine,
  name: string,
): Promise<VirtualMachine> {
  const holder = await lookupDomain(host, { name });
  if (holder) {
    throw new PodmanBootcError(
      'usage',
      'NAME_TAKEN',
      holder.uuid === vm.uuid
        ? `The VM is named '${name}' already`
        : `The name '${name}' is taken by another libvirt domain`,
      { remedy: 'Choose another; `virsh list --all` shows all that are taken' },
    );
  }
  await requireNoId(host, name, vm.uuid);
  await requirePersistent(vm, 'libvirt renames only what is shut off, and it is gone then');
  const state = await settledState(vm.domain);
  if (isActiveState(state)) {
    throw new PodmanBootcError(
      'usage',
      'VM_RUNNING',
      `The VM ${vm.name} is ${state}, and libvirt renames only one that is shut off`,
      { remedy: `Stop it first with \`podman-bootc stop ${vm.id}\`` },
    );
  }
  try {
    await vm.domain.rename(name);
  } catch (cause) {
    throw new PodmanBootcError(
      'failure',
      'RENAME_FAILED',
      `libvirt could not rename ${vm.name}: ${messageOf(cause)}`,
      { cause },
    );
  }
  const renamed = { ...vm, name };
  await keepDefinition(host, renamed);
  return renamed;
}
