import { pause } from '../../pause.js';
import type { Host } from '../host/host.js';
import { pressAgain, stopTimeout, type StopOptions } from './stop.js';
import { goneError, ignoreNotRunning, stateOf, type VirtualMachine } from '../virtual-machine.js';

/**
 * Boots a VM anew without ending its QEMU: asks the guest by ACPI, and resets it when it has not followed after the
 * time-out; the caller's reporter is told. A paused one goes on for that. The caller holds the VM's lock.
 * @throws PodmanBootcError `VM_NOT_FOUND` for a transient one that has ended meanwhile
 */
export async function rebootVirtualMachine(
  host: Host,
  vm: VirtualMachine,
  options: StopOptions = {},
): Promise<void> {
  const timeout = options.timeout ?? stopTimeout;
  const rebooted = new AbortController();
  const unsubscribe = await host.connection.onDomainEvent(
    () => {
      rebooted.abort();
    },
    { domain: vm.domain, events: ['reboot'] },
  );
  try {
    const deadline = Date.now() + (options.force === true ? 0 : timeout);
    while (Date.now() < deadline) {
      await goOn(vm);
      await vm.domain.reboot({ mode: 'acpi' }).catch(ignoreNotRunning);
      await pause(Math.min(pressAgain, deadline - Date.now()), rebooted.signal, options.signal);
      if (rebooted.signal.aborted) return;
    }
    if (options.force !== true)
      host.report.warn(`${vm.name} did not reboot within ${timeout / 1000} s: resetting it`);
    await goOn(vm);
    await vm.domain.reset();
  } finally {
    await unsubscribe();
  }
}

/** Lets a paused VM go on. */
async function goOn(vm: VirtualMachine): Promise<void> {
  const state = await stateOf(vm);
  if (state === undefined) throw goneError(vm);
  if (state === 'paused') await vm.domain.resume().catch(ignoreNotRunning);
}
