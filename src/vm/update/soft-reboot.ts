import { setTimeout as sleep } from 'node:timers/promises';
import type { Deployment } from '../../bootc/status.js';
import { reasonOf } from '../../bootc/guest.js';
import { readDomain } from '../../domain/edit.js';
import { messageOf, PodmanBootcError } from '../../errors.js';
import { pause } from '../../pause.js';
import { watchEnd } from '../end-of-vm.js';
import type { Host } from '../host/host.js';
import { finalizationTimeout } from '../power/stop.js';
import type { VirtualMachine } from '../virtual-machine.js';
import { hasArrived, judgeGuest, openGuest, type BootPatience, type OpenGuest } from './judge.js';
import type { UpdateJournal } from './journal.js';

/** Milliseconds from the end of the connection until the guest lets in again; a power cycle follows. */
const patience = { accelerated: 60_000, emulated: 300_000 };
/** Milliseconds between two attempts. */
const spacing = 1_000;

/**
 * Begins a soft reboot (systemd-soft-reboot.service(8)) into what is staged, and waits for it: kernel and firmware are left out,
 * which take most of a boot. The boot ID stays, and the console says nothing certain, so that the guest is asked how many there
 * have been.
 * @param staged what is staged, and how many soft reboots there were before
 * @returns the units that have failed, where it led to the new version; undefined where it did not
 * @throws PodmanBootcError `UPDATE_UNHEALTHY`
 */
export async function softReboot(
  host: Host,
  vm: VirtualMachine,
  journal: UpdateJournal,
  staged: { deployment: Deployment; count: number },
  { signal }: BootPatience,
): Promise<string[] | undefined> {
  await using end = await watchEnd(host, vm);
  const over = signal ? AbortSignal.any([signal, end.signal]) : end.signal;
  try {
    if (!(await begin(host, vm, staged.deployment, over))) return undefined;
    host.report.progress?.({ type: 'stage', stage: 'systemd', detail: 'soft reboot' });
    const emulated = readDomain(await vm.domain.getXml()).domainType === 'qemu';
    const deadline = performance.now() + (emulated ? patience.emulated : patience.accelerated);
    while (performance.now() < deadline) {
      using guest = await openGuest(host, vm, over).catch(() => undefined);
      over.throwIfAborted();
      if (guest && ((await guest.bootc.softReboots(over)) ?? 0) > staged.count)
        return await judge(guest, over);
      await sleep(spacing, undefined, { signal: over });
    }
    return undefined;
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof PodmanBootcError && error.code === 'UPDATE_UNHEALTHY') throw error;
    host.report.debug(`The soft reboot failed: ${messageOf(error)}`);
    return undefined;
  }

  async function judge(guest: OpenGuest, over: AbortSignal): Promise<string[] | undefined> {
    if (!(await hasArrived(guest.bootc, journal, over))) return undefined;
    return judgeGuest(vm, guest, journal, over);
  }
}

/** @returns whether the guest went down */
async function begin(
  host: Host,
  vm: VirtualMachine,
  deployment: Deployment,
  signal: AbortSignal,
): Promise<boolean> {
  using guest = await openGuest(host, vm, signal);
  const result = await guest.bootc.softReboot(deployment, signal);
  // Where it works the connection ends, and with it the command.
  if (result.exitCode !== undefined && result.exitCode !== 0) {
    host.report.info(`bootc in ${vm.name} refuses a soft reboot: ${reasonOf(result)}`);
    return false;
  }
  // What is staged is finalized before.
  await pause(finalizationTimeout, guest.connection.closed, signal);
  return guest.connection.closed.aborted;
}
