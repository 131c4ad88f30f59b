import { readDomain, type DomainDescription } from '../domain/edit.js';
import { codeOf, PodmanBootcError } from '../errors.js';
import type { LoginTarget } from '../ssh/target.js';
import type { Host } from './host/host.js';
import { matchesId } from './identity.js';
import {
  asListed,
  directoryOf,
  findVirtualMachine,
  listUnfinished,
  loginTarget,
  type ListedVirtualMachine,
  type VirtualMachine,
} from './virtual-machine.js';

/** All there is to know of a VM. */
export interface InspectedVirtualMachine extends ListedVirtualMachine {
  /** Libvirt's word for why it is in its state: `booted`, `user`, `crashed`… */
  stateReason: string;
  /** Whether it is gone when it stops. */
  transient: boolean;
  /** Whether it starts with libvirt. */
  autostart: boolean;
  /** Its definition, which a running VM may differ from until it starts the next time. */
  definition: DomainDescription;
  login: LoginTarget;
  /** Where its keys and logs are; undefined where its record does not tell. */
  directory: string | undefined;
}

/**
 * Looks at one VM. Takes no lock.
 * @throws PodmanBootcError `VM_NOT_FOUND`, `VM_AMBIGUOUS`, `VM_FOREIGN`, `VM_UNFINISHED`
 */
export async function inspectVirtualMachine(
  host: Host,
  which: string | VirtualMachine,
): Promise<InspectedVirtualMachine> {
  const { domain } = typeof which === 'string' ? await findForReading(host, which) : which;
  const [vm, { reason }, autostart, persistent, xml] = await Promise.all([
    asListed(domain),
    domain.getState(),
    domain.getAutostart(),
    domain.isPersistent(),
    domain.getXml({ inactive: true }),
  ]);
  if (!vm) {
    throw new PodmanBootcError(
      'usage',
      'VM_FOREIGN',
      `The libvirt domain '${domain.name}' has lost its podman-bootc metadata`,
    );
  }
  return {
    ...vm,
    stateReason: reason,
    transient: !persistent,
    autostart,
    definition: readDomain(xml),
    login: loginTarget(host, vm),
    directory: directoryOf(vm)?.path,
  };
}

/** Finds a VM; of one that is half made or half removed it says that. */
async function findForReading(host: Host, nameOrId: string): Promise<VirtualMachine> {
  try {
    return await findVirtualMachine(host, nameOrId);
  } catch (error) {
    if (codeOf(error) !== 'VM_NOT_FOUND') throw error;
    const unfinished = (await listUnfinished(host)).find(
      (vm) => vm.name === nameOrId || (nameOrId !== '' && matchesId(vm.uuid, nameOrId)),
    );
    if (!unfinished) throw error;
    const { name, state } = unfinished;
    throw new PodmanBootcError(
      'failure',
      'VM_UNFINISHED',
      state === 'interrupted'
        ? `The VM ${name} is half made or half removed, by a podman-bootc that was interrupted`
        : `Another podman-bootc is ${state} the VM ${name}`,
      { remedy: state === 'interrupted' ? 'The next `run`, `create` or `rm` cleans up' : 'Try again later' },
    );
  }
}
