import type { CallArguments, CallResult, NativeAddon, Nouns } from './addon/addon.js';
import type { Handle } from './addon/handle.js';
import { checkOptions, type CallOptions } from './arguments.js';
import { errorOf } from './error.js';
import { loadAddon } from './load.js';
import type { TimeLimit } from './time-limit.js';

let lastId = 0;

/**
 * Makes a call of the addon: rejects early when the signal is aborted or its time is over, and with an error users
 * know when the call fails.
 */
export async function call<T>(
  options: CallOptions,
  start: (addon: NativeAddon, id: number) => Promise<T>,
  limit?: { time: TimeLimit; reason: () => unknown },
): Promise<T> {
  checkOptions(options);
  const { signal } = options;
  signal?.throwIfAborted();
  const addon = loadAddon();
  // The addon takes 32 bits and keeps 0 for calls that can't be abandoned.
  const abandonable = signal !== undefined || limit !== undefined;
  if (abandonable) lastId = (lastId % 0xffff_ffff) + 1;
  const id = abandonable ? lastId : 0;
  const calls = signal && CallsInFlight.of(signal);
  calls?.add(id);
  limit?.time.start(() => {
    addon.abandon(id, limit.reason());
  });
  try {
    return await start(addon, id);
  } catch (error) {
    throw signal?.aborted && error === signal.reason ? error : errorOf(error);
  } finally {
    limit?.time.stop();
    calls?.delete(id);
  }
}

/** Makes a call on a handle: `callOn(domain, 'domainReboot', options, flags)`. */
export function callOn<Noun extends keyof Nouns, Name extends keyof Nouns[Noun]>(
  handle: Handle<Noun>,
  name: Name,
  options: CallOptions,
  ...args: CallArguments<Noun, Name>
): Promise<CallResult<Noun, Name>> {
  return call(options, (addon, id) => {
    // NativeAddon says the same of every name there is; the compiler does not see it of a name that is open.
    const functions = addon as unknown as Record<
      Name,
      (...all: unknown[]) => Promise<CallResult<Noun, Name>>
    >;
    return functions[name](handle, ...args, id);
  });
}

/**
 * The calls in flight that one signal aborts. They share a listener: Node warns of a leak when a signal has more
 * than ten, and a program may pass the signal of its Ctrl-C to every call.
 */
class CallsInFlight {
  static readonly #all = new WeakMap<AbortSignal, CallsInFlight>();

  static of(signal: AbortSignal): CallsInFlight {
    let calls = this.#all.get(signal);
    if (!calls) this.#all.set(signal, (calls = new CallsInFlight(signal)));
    return calls;
  }

  readonly #signal: AbortSignal;
  readonly #ids = new Set<number>();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  add(id: number): void {
    if (this.#ids.size === 0) this.#signal.addEventListener('abort', this.#abandon);
    this.#ids.add(id);
  }

  delete(id: number): void {
    this.#ids.delete(id);
    if (this.#ids.size === 0) this.#signal.removeEventListener('abort', this.#abandon);
  }

  readonly #abandon = (): void => {
    // The latest first: they may still be queued for the threads of the others, and are not made then.
    for (const id of [...this.#ids].reverse()) loadAddon().abandon(id, this.#signal.reason);
  };
}
