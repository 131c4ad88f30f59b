import { pause } from '../../pause.js';
import { watchEnd } from '../end-of-vm.js';
import { isUpdateStaged } from '../guest/staged.js';
import type { Host } from '../host/host.js';
import { recoverDirectory } from '../disks/recover.js';
import {
  consoleOf,
  ignoreNotRunning,
  isActiveState,
  localDirectoryOf,
  lookupDomain,
  stateOf,
  type VirtualMachine,
} from '../virtual-machine.js';

/** Milliseconds that a guest has for shutting down before it is ended by force. */
export const stopTimeout = 90_000;
/**
 * Milliseconds that it has where an update is staged, which is finalized then: ended by force, it loses that without a word.
 * bootc's own unit has as long.
 */
export const finalizationTimeout = 300_000;
/** A guest that still boots does not hear the power button: it is pressed again after so many milliseconds. */
export const pressAgain = 5_000;
/** Milliseconds that libvirt has for forgetting a transient domain that has ended. */
const forgetTimeout = 10_000;

/** How a VM is stopped. */
export interface StopOptions {
  /** Milliseconds that the guest has before it is ended by force; default 90,000, or 300,000 where an update is staged. */
  timeout?: number | undefined;
  /** Ends it at once, without asking the guest. */
  force?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

/** How a VM was stopped; `not running` when there was nothing to do. */
export type StopOutcome = 'shut down' | 'forced off' | 'not running';

/**
 * Shuts a VM down by ACPI, and by force when it has not ended after the time-out; the caller's reporter is
 * told. A paused VM goes on for that, since its guest hears nothing. The domain stays defined and the disk keeps
 * its data; a transient VM is removed. The caller holds the VM's lock.
 */
export async function stopVirtualMachine(
  host: Host,
  vm: VirtualMachine,
  options: StopOptions = {},
): Promise<StopOutcome> {
  const outcome = await end(host, vm, options);
  await removeTransient(host, vm);
  return outcome;
}

async function end(host: Host, vm: VirtualMachine, options: StopOptions): Promise<StopOutcome> {
  if (!isActiveState(await stateOf(vm))) return 'not running';
  await consoleOf(host, vm)?.hold();
  if (options.force === true) return forceOff(vm);
  const timeout = await patienceWith(host, vm, options);
  // Libvirt's test driver has one way only, and refuses to be told.
  const mode = (await host.connection.getType()) === 'QEMU' ? 'acpi' : 'default';
  await using watch = await watchEnd(host, vm);
  const deadline = Date.now() + timeout;
  while (!watch.end && Date.now() < deadline) {
    const state = await stateOf(vm);
    if (!isActiveState(state)) return 'shut down';
    if (state === 'paused') await vm.domain.resume().catch(ignoreNotRunning);
    await vm.domain.shutdown({ mode }).catch(ignoreNotRunning);
    await pause(Math.min(pressAgain, deadline - Date.now()), watch.signal, options.signal);
  }
  if (watch.end) return 'shut down';
  host.report.warn(`${vm.name} did not shut down within ${timeout / 1000} s: ending it by force`);
  return await forceOff(vm);
}

/** How long a guest has for shutting down. */
async function patienceWith(host: Host, vm: VirtualMachine, options: StopOptions): Promise<number> {
  const { timeout = stopTimeout, signal } = options;
  if (timeout >= finalizationTimeout || !(await isUpdateStaged(host, vm, signal))) return timeout;
  const words = `An update is staged in ${vm.name}, which finalizes it now`;
  if (options.timeout === undefined) {
    host.report.info(`${words}: it has ${finalizationTimeout / 60_000} minutes for shutting down`);
    return finalizationTimeout;
  }
  host.report.warn(`${words}: if that takes longer than ${timeout / 1000} s, the update is lost`);
  return timeout;
}

async function forceOff(vm: VirtualMachine): Promise<StopOutcome> {
  await vm.domain.destroy().catch(ignoreNotRunning);
  return 'forced off';
}

/** Of a transient VM libvirt's part is gone by itself, a moment after it has ended; ours is removed here. */
async function removeTransient(host: Host, vm: VirtualMachine): Promise<void> {
  const directory = localDirectoryOf(host, vm);
  if ((await directory?.readableJournal())?.operation !== 'transient' || !directory) return;
  const deadline = Date.now() + forgetTimeout;
  for (;;) {
    const domain = await lookupDomain(host, { uuid: vm.uuid });
    if (!domain || (await domain.isPersistent().catch(() => false)) || Date.now() > deadline) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await recoverDirectory(host, vm.uuid, directory);
}
