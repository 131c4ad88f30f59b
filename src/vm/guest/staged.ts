import { messageOf } from '../../errors.js';
import { GuestConnection } from '../../ssh/connection.js';
import type { Host } from '../host/host.js';
import { loginTarget, type VirtualMachine } from '../virtual-machine.js';

/**
 * Where an update that comes with the next boot is noted, which is while the guest shuts down (bootc's `bootc_composefs/status.rs`,
 * ostree's `ostree-sysroot-deploy.c`). Both are in /run: a guest that is cut off has forgotten it.
 */
const notes = ['/run/ostree/staged-deployment', '/run/composefs/staged-deployment'];

/** Seconds for an answer of the agent. */
const agentPatience = 5;
/** Milliseconds for the first answer of sshd, and for a login and a command. */
const bannerPatience = 2_000;
const loginPatience = 15_000;

/**
 * Whether an update is staged in a guest. The agent is asked, for it answers in milliseconds; where it does not, or may not
 * open files (Fedora, RHEL), by SSH.
 * @returns undefined where nobody answers: a guest that still boots, or hangs
 */
export async function isUpdateStaged(
  host: Host,
  vm: VirtualMachine,
  signal?: AbortSignal,
): Promise<boolean | undefined> {
  return (await askAgent(vm, signal)) ?? (host.features.files ? await askBySsh(host, vm, signal) : undefined);
}

async function askAgent(vm: VirtualMachine, signal: AbortSignal | undefined): Promise<boolean | undefined> {
  const call = (execute: string, words: Record<string, unknown>): Promise<unknown> =>
    vm.domain.agentCommand({ execute, arguments: words }, { timeout: agentPatience, signal });
  for (const path of notes) {
    try {
      const handle = await call('guest-file-open', { path, mode: 'r' });
      await call('guest-file-close', { handle });
      return true;
    } catch (error) {
      if (!messageOf(error).includes('No such file or directory')) return undefined;
    }
  }
  return false;
}

async function askBySsh(
  host: Host,
  vm: VirtualMachine,
  signal: AbortSignal | undefined,
): Promise<boolean | undefined> {
  const target = loginTarget(host, vm);
  try {
    using connection = await GuestConnection.open(target, {
      timeout: loginPatience,
      bannerTimeout: bannerPatience,
      signal,
    });
    const { exitCode } = await connection.run(notes.map((path) => `test -e ${path}`).join(' || '), {
      signal,
    });
    return exitCode === undefined ? undefined : exitCode === 0;
  } catch {
    signal?.throwIfAborted();
    return undefined;
  }
}
