import { readDomain } from '../domain/edit.js';
import { PodmanBootcError } from '../errors.js';
import { waitForLogin } from '../ssh/readiness.js';
import { consoleTail } from './console-tail.js';
import type { Host } from './host.js';
import {
  directoryOf,
  isActiveState,
  loginTarget,
  pausedError,
  settledState,
  type VirtualMachine,
} from './virtual-machine.js';

/** Milliseconds for a boot, by domain type: emulated guests are several times slower. Generous: the end of a VM is noticed at once. */
const bootTimeout = { accelerated: 300_000, emulated: 900_000 };

/** How `waitUntilReady` waits. */
export interface WaitOptions {
  /** Login name; default the one the VM was made for. */
  user?: string | undefined;
  /** Milliseconds; the default depends on the accelerator. */
  timeout?: number | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Waits until somebody can log in: a completed SSH login. A VM that ends meanwhile ends the wait at once.
 * @throws PodmanBootcError `VM_DIED` (with its last console lines), `VM_PAUSED`, and those of `waitForLogin`
 */
export async function waitUntilReady(
  host: Host,
  vm: VirtualMachine,
  options: WaitOptions = {},
): Promise<void> {
  const end = new AbortController();
  const unsubscribe = await host.connection.onDomainLifecycle(
    ({ event, detail }) => {
      if (event === 'stopped' || event === 'crashed') end.abort(`${event}: ${detail}`);
    },
    { domain: vm.domain },
  );
  try {
    // Asked after subscribing, so that no end of it can fall in between.
    const state = await settledState(vm.domain);
    if (!isActiveState(state)) end.abort(state);
    if (state === 'paused') throw pausedError(vm);
    const emulated = readDomain(await vm.domain.getXml()).domainType === 'qemu';
    await waitForLogin(loginTarget(host, vm, options.user), {
      timeout: options.timeout ?? (emulated ? bootTimeout.emulated : bootTimeout.accelerated),
      signal: options.signal ? AbortSignal.any([end.signal, options.signal]) : end.signal,
      // Users that cloud-init makes appear late.
      ...(vm.metadata.cloudInit && { authenticationGrace: 180_000 }),
      onPhase: (phase) => {
        host.report.debug(`SSH of ${vm.name}: ${phase}`);
      },
    });
  } catch (error) {
    if (!end.signal.aborted || options.signal?.aborted) throw error;
    throw new PodmanBootcError(
      'boot',
      'VM_DIED',
      `The VM ${vm.name} ended before SSH answered (${String(end.signal.reason)})`,
      {
        remedy: `Its console log is ${directoryOf(vm)?.consoleLog ?? 'named in its domain XML'}; \`podman-bootc rm ${vm.id}\` removes it`,
        output: await consoleTail(directoryOf(vm)?.consoleLog),
      },
    );
  } finally {
    await unsubscribe();
  }
}
