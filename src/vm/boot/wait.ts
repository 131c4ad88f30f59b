import { codeOf, PodmanBootcError } from '../../errors.js';
import { pause } from '../../pause.js';
import { watchEnd } from '../end-of-vm.js';
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
  let changed = new AbortController();
  await using _watch = await watchEnd(host, vm, () => {
    changed.abort();
  });
  using broken = watchConnection(host);
  const signal = options.signal ? AbortSignal.any([broken.signal, options.signal]) : broken.signal;
  for (;;) {
    changed = new AbortController();
    const state = await stateOf(vm);
    if (state === undefined && wanted !== 'stopped') {
      throw new PodmanBootcError(
        'failure',
        'VM_REMOVED',
        `The VM ${vm.name} was removed while it was waited for`,
      );
    }
    if (wanted === 'stopped' ? !isActiveState(state) : wanted === 'running' && state === 'running') return;
    if (wanted === 'ssh' && state === 'running') {
      await waitForSsh(host, vm, left(), options);
      return;
    }
    await pause(left(), changed.signal, signal);
    if (!changed.signal.aborted) throw timeoutError(vm, wanted, options, `is ${state ?? 'gone'}`);
  }
}

/** A signal that aborts when libvirt can tell nothing any longer. */
function watchConnection({ connection }: Host): Disposable & { signal: AbortSignal } {
  const broken = new AbortController();
  const forget = connection.onClose(() => {
    broken.abort(
      new PodmanBootcError('host', 'LIBVIRT_UNREACHABLE', 'The connection to libvirt broke while waiting', {
        remedy: 'Look whether its daemon runs, and wait again',
      }),
    );
  });
  return { signal: broken.signal, [Symbol.dispose]: forget };
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
