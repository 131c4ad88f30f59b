import { messageOf, PodmanBootcError, type ErrorCode } from '../../errors.js';
import { requireActive, type VirtualMachine } from '../virtual-machine.js';

/**
 * Halts the processors of a VM; its memory stays where it is, and its clock stands still. The caller holds the VM's
 * lock.
 * @returns false when it was paused already
 * @throws PodmanBootcError `VM_NOT_RUNNING`, `PAUSE_FAILED`
 */
export async function pauseVirtualMachine(vm: VirtualMachine): Promise<boolean> {
  if ((await requireActive(vm)) === 'paused') return false;
  await vm.domain.suspend().catch(fail('PAUSE_FAILED', `libvirt could not pause ${vm.name}`));
  return true;
}

/**
 * Lets a paused VM go on.
 * @returns false when it was not paused
 * @throws PodmanBootcError `VM_NOT_RUNNING`, `RESUME_FAILED`
 */
export async function resumeVirtualMachine(vm: VirtualMachine): Promise<boolean> {
  if ((await requireActive(vm)) !== 'paused') return false;
  await vm.domain.resume().catch(fail('RESUME_FAILED', `libvirt could not resume ${vm.name}`));
  return true;
}

function fail(code: ErrorCode<'failure'>, sentence: string): (cause: unknown) => never {
  return (cause) => {
    throw new PodmanBootcError('failure', code, `${sentence}: ${messageOf(cause)}`, { cause });
  };
}
