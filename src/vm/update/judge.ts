import { GuestBootc } from '../../bootc/guest.js';
import { isOneOf } from '../../bootc/status.js';
import { lastLine } from '../../podman/engine.js';
import { PodmanBootcError } from '../../errors.js';
import { GuestConnection } from '../../ssh/connection.js';
import { waitUntilReady } from '../boot/wait-for-login.js';
import type { Host } from '../host/host.js';
import { startVirtualMachine } from '../power/start.js';
import { finalizationTimeout, stopVirtualMachine } from '../power/stop.js';
import { loginTarget, type VirtualMachine } from '../virtual-machine.js';
import { startAgain } from './checkpoint.js';
import type { UpdateJournal } from './journal.js';

/** How long a boot is waited for. */
export interface BootPatience {
  /** Milliseconds; the default depends on the accelerator. */
  timeout?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** A new version that has proved itself. */
export interface Settled {
  vm: VirtualMachine;
  way?: 'soft' | 'hard';
  /** Units that have failed in it. */
  failedUnits: string[];
}

/** Whether an error is a judgement on a version and its boot, and not on the host or us. */
export function isVerdict(error: unknown): error is PodmanBootcError {
  return error instanceof PodmanBootcError && ['boot', 'ssh', 'update', 'image'].includes(error.failureClass);
}

/** A login on a guest that is up, and its bootc. */
export interface OpenGuest extends Disposable {
  connection: GuestConnection;
  bootc: GuestBootc;
}

/**
 * Logs in on a guest that is up.
 * @param bannerTimeout milliseconds in which its sshd has to answer; default 60,000
 */
export async function openGuest(
  host: Host,
  vm: VirtualMachine,
  signal?: AbortSignal,
  bannerTimeout?: number,
): Promise<OpenGuest> {
  const connection = await GuestConnection.open(loginTarget(host, vm), {
    signal,
    ...(bannerTimeout !== undefined && { bannerTimeout }),
  });
  const bootc = new GuestBootc(connection, { user: vm.metadata.ssh.user, name: vm.name });
  return {
    connection,
    bootc,
    [Symbol.dispose]: () => {
      connection[Symbol.dispose]();
    },
  };
}

/**
 * Waits for a boot of the new version and looks whether it is one.
 * @returns the units that have failed
 * @throws PodmanBootcError those of `waitUntilReady` where nobody can log in; `UPDATE_NOT_ARRIVED` where the guest is up and runs
 *   what it ran before, `UPDATE_UNHEALTHY` where the command for that fails
 */
export async function judgeBoot(
  host: Host,
  vm: VirtualMachine,
  journal: UpdateJournal,
  options: BootPatience,
): Promise<string[]> {
  await waitUntilReady(host, vm, options);
  using guest = await openGuest(host, vm, options.signal);
  await requireArrived(vm, guest.bootc, journal, options.signal);
  return await judgeGuest(vm, guest, journal, options.signal);
}

/** Ends a VM in order, boots it and waits for the verdict: unlike a reboot of the guest, with a fresh QEMU. */
export async function powerCycle(
  host: Host,
  vm: VirtualMachine,
  journal: UpdateJournal,
  patience: BootPatience,
): Promise<Settled> {
  await stopVirtualMachine(host, vm, { timeout: finalizationTimeout, signal: patience.signal });
  const { vm: current } = await startAgain(() => startVirtualMachine(host, vm));
  return { vm: current, way: 'hard', failedUnits: await judgeBoot(host, current, journal, patience) };
}

/** The same of a guest that runs the new version. */
export async function judgeGuest(
  vm: VirtualMachine,
  { bootc, connection }: OpenGuest,
  { health }: Pick<UpdateJournal, 'health'>,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  if (health !== undefined) {
    const result = await connection.run(health, { signal });
    if (result.exitCode !== 0) {
      const said = lastLine(`${result.stdout}\n${result.stderr}`);
      const how = result.exitCode === undefined ? 'did not end' : `ended with exit code ${result.exitCode}`;
      throw new PodmanBootcError(
        'update',
        'UPDATE_UNHEALTHY',
        `In ${vm.name}, \`${health}\` ${how}${said === '' ? '' : `: ${said}`}`,
      );
    }
  }
  return bootc.failedUnits(signal);
}

/** Whether a guest runs the version that a journal is of. */
export async function hasArrived(
  bootc: GuestBootc,
  { digests }: UpdateJournal,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  return isOneOf((await bootc.status(signal)).booted, digests);
}

async function requireArrived(
  vm: VirtualMachine,
  bootc: GuestBootc,
  journal: UpdateJournal,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (await hasArrived(bootc, journal, signal)) return;
  const log = (await bootc.finalizationLog(signal)).trim();
  throw new PodmanBootcError(
    'update',
    'UPDATE_NOT_ARRIVED',
    `${vm.name} has booted what it ran before, and not ${journal.image.reference}: the update was lost while it shut down`,
    {
      remedy: `Look at the end of the boot before: \`podman-bootc ssh ${vm.id} journalctl -b -1 -e\``,
      ...(log !== '' && { output: `${log}\n` }),
    },
  );
}
