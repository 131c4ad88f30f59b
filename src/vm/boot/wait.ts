import { codeOf, PodmanBootcError } from '../../errors.js';
import type { Host } from '../host/host.js';
import {
  asVirtualMachine,
  isActiveState,
  lookupDomain,
  stateOf,
  type VirtualMachine,
} from '../virtual-machine.js';
import { waitUntilReady } from './wait-for-login.js';

/** What a VM can be waited for to be: `ssh` is when somebody can log in. */
export type AwaitedState = 'running' | 'ssh' | 'stopped';

/** How `waitForState` waits. */
export interface WaitForStateOptions {
  /** Milliseconds; default for ever. */
  timeout?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** As good as for ever: Node's timers end at 2^31 ms. */
const forEver = 2_000_000_000;

/**
 * Waits until a VM is in a state; at once when it is. It is libvirt's events that are waited for. A VM that somebody
 * removes has stopped.
 * @throws PodmanBootcError `WAIT_TIMEOUT`, `VM_REMOVED`; for `ssh` those of `waitUntilReady`, such as `VM_DIED`
 */
export async function waitForState(
  host: Host,
  vm: VirtualMachine,
  wanted: AwaitedState,
  options: WaitForStateOptions = {},
): Promise<void> {
  const deadline = Date.now() + (options.timeout ?? forEver);
  const left = (): number => Math.max(deadline - Date.now(), 0);
  await using events = await listen(host, vm);
  for (;;) {
    const state = await stateOf(vm);
    if (state === undefined && wanted !== 'stopped') {
      throw new PodmanBootcError(
        'failure',
        'VM_REMOVED',
        `The VM ${vm.name} was removed while it was waited for`,
      );
    }
    const isActive = state !== undefined && isActiveState(state);
    if (wanted === 'stopped' ? !isActive : wanted === 'running' && state === 'running') return;
    if (wanted === 'ssh' && state === 'running') {
      await waitForSsh(host, vm, left(), options);
      return;
    }
    if (!(await events.next(left(), options.signal)))
      throw timeoutError(vm, wanted, options, `is ${state ?? 'gone'}`);
  }
}

async function waitForSsh(
  host: Host,
  vm: VirtualMachine,
  timeout: number,
  options: WaitForStateOptions,
): Promise<void> {
  // The start may have moved its port.
  const domain = await lookupDomain(host, { uuid: vm.uuid });
  const current = (domain && (await asVirtualMachine(domain))) ?? vm;
  try {
    await waitUntilReady(host, current, { timeout, signal: options.signal });
  } catch (error) {
    if (codeOf(error) !== 'SSH_TIMEOUT') throw error;
    throw timeoutError(vm, 'ssh', options, 'runs without anybody being able to log in', error);
  }
}

function timeoutError(
  vm: VirtualMachine,
  wanted: AwaitedState,
  { timeout = 0 }: WaitForStateOptions,
  is: string,
  cause?: unknown,
): PodmanBootcError {
  return new PodmanBootcError(
    'failure',
    'WAIT_TIMEOUT',
    `The VM ${vm.name} ${is} after ${timeout / 1000} s of waiting for ${wanted}`,
    { cause },
  );
}

interface Events extends AsyncDisposable {
  /** @returns whether something happened since the last call, within so many milliseconds */
  next(timeout: number, signal: AbortSignal | undefined): Promise<boolean>;
}

async function listen(host: Host, vm: VirtualMachine): Promise<Events> {
  let happened = false;
  let broken = false;
  let wake = (): void => {
    // Nobody waits yet.
  };
  const unsubscribe = await host.connection.onDomainLifecycle(
    () => {
      happened = true;
      wake();
    },
    { domain: vm.domain },
  );
  const forget = host.connection.onClose(() => {
    broken = true;
    wake();
  });
  return {
    async next(timeout, signal) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeout);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
        signal?.addEventListener('abort', wake, { once: true });
        if (happened || broken || signal?.aborted) wake();
      });
      signal?.removeEventListener('abort', wake);
      signal?.throwIfAborted();
      if (broken) {
        throw new PodmanBootcError(
          'host',
          'LIBVIRT_UNREACHABLE',
          'The connection to libvirt broke while waiting',
          {
            remedy: 'Look whether its daemon runs, and wait again',
          },
        );
      }
      const did = happened;
      happened = false;
      return did;
    },
    async [Symbol.asyncDispose]() {
      forget();
      if (!broken) await unsubscribe();
    },
  };
}
