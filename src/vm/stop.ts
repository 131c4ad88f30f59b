import { isLibvirtError } from '../libvirt/index.js';
import type { Host } from './host.js';
import { isActiveState, settledState, type VirtualMachine } from './virtual-machine.js';

/** Milliseconds that a guest has for shutting down before it is ended by force. */
export const stopTimeout = 90_000;
/** A guest that still boots does not hear the power button: it is pressed again after so many milliseconds. */
const pressAgain = 5_000;

/**
 * Shuts a VM down by ACPI, and by force when it has not ended after the time-out; the caller's reporter is
 * told. The domain stays defined and the disk keeps its data.
 * @returns `not running` when there was nothing to do
 */
export async function stopVirtualMachine(
  host: Host,
  vm: VirtualMachine,
  options: { timeout?: number; signal?: AbortSignal | undefined } = {},
): Promise<'shut down' | 'forced off' | 'not running'> {
  if (!(await isActive(vm))) return 'not running';
  const ended = new AbortController();
  const unsubscribe = await host.connection.onDomainLifecycle(
    ({ event }) => {
      if (event === 'stopped') ended.abort();
    },
    { domain: vm.domain },
  );
  try {
    const timeout = options.timeout ?? stopTimeout;
    const deadline = Date.now() + timeout;
    while (Date.now() < deadline) {
      if (!(await isActive(vm))) return 'shut down';
      await vm.domain.shutdown({ mode: 'acpi' }).catch(ignoreNotRunning);
      await pause(Math.min(pressAgain, deadline - Date.now()), ended.signal, options.signal);
      if (ended.signal.aborted) return 'shut down';
    }
    host.report.warn(`${vm.name} did not shut down within ${timeout / 1000} s: ending it by force`);
    await vm.domain.destroy().catch(ignoreNotRunning);
    return 'forced off';
  } finally {
    await unsubscribe();
  }
}

async function isActive(vm: VirtualMachine): Promise<boolean> {
  return isActiveState(await settledState(vm.domain));
}

function ignoreNotRunning(error: unknown): void {
  if (!isLibvirtError(error, 'VIR_ERR_OPERATION_INVALID')) throw error;
}

/** Resolves after so many milliseconds or when `early` aborts; rejects when `signal` does. */
function pause(milliseconds: number, early: AbortSignal, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (): void => {
      clearTimeout(timer);
      early.removeEventListener('abort', finish);
      signal?.removeEventListener('abort', finish);
      if (signal?.aborted) reject(signal.reason as Error);
      else resolve();
    };
    const timer = setTimeout(finish, Math.max(milliseconds, 0));
    early.addEventListener('abort', finish);
    signal?.addEventListener('abort', finish);
    if (early.aborted || signal?.aborted) finish();
  });
}
