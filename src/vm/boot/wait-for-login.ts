import { readFile } from 'node:fs/promises';
import { refusedVerdict, stageWords, type Verdict } from '../../boot/verdict.js';
import { failedUnitsCommand, parseFailedUnits } from '../../boot/services.js';
import { readDomain } from '../../domain/edit.js';
import { PodmanBootcError } from '../../errors.js';
import { option } from '../../option-text.js';
import { runProcess } from '../../process.js';
import { fingerprintOf } from '../../ssh/known-hosts.js';
import { pinAlso } from '../../ssh/pinning.js';
import { waitForLogin } from '../../ssh/readiness.js';
import { sshArguments } from '../../ssh/session.js';
import type { LoginTarget } from '../../ssh/target.js';
import { BootWatch } from './watch.js';
import type { Host } from '../host/host.js';
import { settlePassword } from '../guest/password.js';
import {
  directoryOf,
  goneError,
  loginTarget,
  pausedError,
  stateOf,
  vmReference,
  type VirtualMachine,
} from '../virtual-machine.js';

/** Milliseconds for a boot, by domain type: emulated guests are several times slower. Generous: what ends a boot is noticed at once. */
const bootTimeout = { accelerated: 300_000, emulated: 900_000 };
/**
 * Milliseconds for which a refused key of root is tried again where the guest took the credential: keys are written
 * before sshd starts, and pam_nologin, which refuses while the guest boots, does not concern root.
 */
const rootGrace = 4_000;
/** Likewise where cloud-init makes the users, which it does late. */
const cloudInitGrace = 180_000;

/** How `waitUntilReady` waits. */
export interface WaitOptions {
  /** Login name; default the one the VM was made for. */
  user?: string | undefined;
  /** Milliseconds; the default depends on the accelerator. */
  timeout?: number | undefined;
  /** Default `ssh`: a completed login. `systemd`: also that all units of the boot have been started or have failed. */
  until?: 'ssh' | 'systemd' | undefined;
  signal?: AbortSignal | undefined;
}

/** How a guest came up. */
export interface Readiness {
  /** Of `systemctl is-system-running`, when that was waited for. */
  system?: 'running' | 'degraded';
  /** The units that failed, when that was waited for. */
  failedUnits: string[];
}

/**
 * Waits until somebody can log in: a completed SSH login. A boot that will not lead there ends the wait as soon as that
 * is known; see `BootWatch`.
 * @throws PodmanBootcError of class `boot` or `ssh`, whose code says why (`verdict.ts` has them): `VM_DIED`,
 *   `BOOT_NO_LOADER`, `BOOT_SECURE_BOOT`, `BOOT_PANIC`, `BOOT_NO_ROOT`, `BOOT_EMERGENCY`, `BOOT_UNIT_FAILED`,
 *   `BOOT_NO_SSHD`, `BOOT_NO_NETWORK`, `LOGIN_…`, `SSH_TIMEOUT`, `SYSTEMD_NOT_UP`; and those of `waitForLogin`
 */
export async function waitUntilReady(
  host: Host,
  vm: VirtualMachine,
  options: WaitOptions = {},
): Promise<Readiness> {
  const { signal } = options;
  const state = await stateOf(vm);
  if (state === undefined) throw goneError(vm);
  if (state === 'paused') throw pausedError(vm);
  const emulated = readDomain(await vm.domain.getXml()).domainType === 'qemu';
  const deadline =
    performance.now() + (options.timeout ?? (emulated ? bootTimeout.emulated : bootTimeout.accelerated));
  const target = loginTarget(host, vm, options.user);
  await using watch = await BootWatch.start(host, vm, { emulated });
  const end = signal ? AbortSignal.any([signal, watch.signal]) : watch.signal;
  try {
    const { pinned } = await waitForLogin(target, {
      timeout: Math.max(1, deadline - performance.now()),
      signal: end,
      expected: watch.up,
      ...authenticationGrace(vm, target.user),
      vouch: async (hostKey) => {
        const isAnnounced = await watch.announces(hostKey, deadline - performance.now(), end);
        if (isAnnounced)
          host.report.info(
            `${vm.name} has made a host key of its own, ${fingerprintOf(hostKey)}, and announced it on its console: it is trusted from now on`,
          );
        return isAnnounced;
      },
      onPhase: (phase) => {
        host.report.debug(`SSH of ${vm.name}: ${phase}`);
      },
      onAttempt: (attempt) => {
        if (attempt === 'greeted')
          host.report.progress?.({ type: 'stage', stage: 'ssh', detail: 'logging in' });
        watch.attempted(attempt);
      },
    });
    if (pinned) await pinHandedOver(vm, target);
    await settlePassword(host, vm);
  } catch (error) {
    const verdict = error instanceof PodmanBootcError && verdictOn(error, vm, target.user, watch);
    throw verdict ? watch.explain(error, verdict) : error;
  }
  if (options.until !== 'systemd') return { failedUnits: [] };
  return await waitForSystemd(host, vm, target, Math.max(1, deadline - performance.now()), end);
}

/** Where the pinned key was removed and another one pinned: the next boot of the guest may show the one it was handed. */
async function pinHandedOver(vm: VirtualMachine, target: LoginTarget): Promise<void> {
  const directory = directoryOf(vm);
  if (vm.metadata.ssh.hostKey !== 'handed-over' || !directory) return;
  const [, encoded] = (await readFile(`${directory.hostKey}.pub`, 'utf8').catch(() => '')).split(' ');
  if (encoded !== undefined) await pinAlso(target, Buffer.from(encoded, 'base64'));
}

function authenticationGrace(vm: VirtualMachine, user: string): { authenticationGrace?: number } {
  if (vm.metadata.cloudInit) return { authenticationGrace: cloudInitGrace };
  if (user === 'root' && vm.metadata.ssh.hostKey === 'handed-over') return { authenticationGrace: rootGrace };
  return {};
}

/** What is known beyond what the wait for the login knows. */
function verdictOn(
  error: PodmanBootcError,
  vm: VirtualMachine,
  user: string,
  { boot }: BootWatch,
): Verdict | undefined {
  const words = { name: vm.name, reference: vmReference(vm) };
  if (error.code === 'SSH_TIMEOUT')
    return {
      code: error.code,
      failureClass: 'boot',
      message: `${error.message}; the boot of ${vm.name} had reached: ${stageWords(boot.stage, boot.unit)}`,
      remedy: `Look at \`podman-bootc logs ${words.reference}\`, or give it more time with ${option('timeout')}`,
    };
  // A shell that refuses a command is another matter, and the error says so itself.
  if (error.code !== 'LOGIN_REFUSED' || error.message.includes('login shell')) return undefined;
  return refusedVerdict(
    words,
    { user, keyOwner: vm.metadata.ssh.user, tookCredential: vm.metadata.ssh.hostKey === 'handed-over' },
    error.message.slice(error.message.lastIndexOf('log in: ') + 'log in: '.length),
  );
}

/** Waits until systemd has no more to start. */
async function waitForSystemd(
  host: Host,
  vm: VirtualMachine,
  target: LoginTarget,
  timeout: number,
  signal: AbortSignal,
): Promise<Readiness> {
  host.report.progress?.({ type: 'stage', stage: 'systemd', detail: 'waiting for all units' });
  const run = (...command: string[]): Promise<{ stdout: string; timedOut: boolean }> =>
    runProcess('ssh', sshArguments(target, command), { signal, timeout });
  // systemctl(1): --wait since systemd 240; it fails unless the answer is "running".
  const answer = await run('systemctl', 'is-system-running', '--wait');
  const system = answer.stdout.trim();
  if (system !== 'running' && system !== 'degraded') {
    throw new PodmanBootcError(
      'boot',
      'SYSTEMD_NOT_UP',
      answer.timedOut
        ? `The units of ${vm.name} were not all started within ${Math.round(timeout / 1000)} s`
        : `systemd of ${vm.name} is not up: ${JSON.stringify(system.slice(0, 80))}`,
      { remedy: `See what it waits for: \`podman-bootc ssh ${vmReference(vm)} systemctl list-jobs\`` },
    );
  }
  if (system === 'running') return { system, failedUnits: [] };
  const failed = await run(failedUnitsCommand);
  return { system, failedUnits: parseFailedUnits(failed.stdout) };
}
