import type { Host } from './host/host.js';
import { isActiveState, stateOf, type VirtualMachine } from './virtual-machine.js';

/** How a VM ended, in libvirt's words. */
export interface EndOfVm {
  event: 'stopped' | 'crashed';
  /** Of the event, or the reason of the state in which the VM was found: `shutdown`, `destroyed`, `panicked`… */
  detail: string;
}

/** Looks out for the end of a VM; see `watchEnd`. */
export interface EndWatch extends AsyncDisposable {
  /** Aborts when the VM has ended. */
  readonly signal: AbortSignal;
  /** How it has; undefined as long as it has not. */
  readonly end: EndOfVm | undefined;
}

/**
 * Looks out for the end of a VM by libvirt's lifecycle events. One that has ended already, or is gone, is found to have at once.
 * @param onEvent called at every event of its lifecycle
 */
export async function watchEnd(host: Host, vm: VirtualMachine, onEvent?: () => void): Promise<EndWatch> {
  const ended = new AbortController();
  let end: EndOfVm | undefined;
  const note = (how: EndOfVm): void => {
    end ??= how;
    ended.abort();
  };
  const unsubscribe = await host.connection.onDomainLifecycle(
    ({ event, detail }) => {
      if (event === 'stopped' || event === 'crashed') note({ event, detail });
      onEvent?.();
    },
    { domain: vm.domain },
  );
  try {
    // Asked after subscribing, so that no end of it can fall in between.
    const state = await stateOf(vm);
    if (state === undefined) note({ event: 'stopped', detail: 'gone' });
    else if (!isActiveState(state)) {
      const { reason } = await vm.domain.getState();
      note({ event: state === 'crashed' ? 'crashed' : 'stopped', detail: reason });
    }
  } catch (error) {
    await unsubscribe();
    throw error;
  }
  return {
    signal: ended.signal,
    get end() {
      return end;
    },
    async [Symbol.asyncDispose]() {
      // A connection that broke has taken its subscriptions along.
      await unsubscribe().catch(() => undefined);
    },
  };
}
