import { loadAddon, type NativeAddon } from './addon.js';
import { checkOptions, type CallOptions } from './arguments.js';
import { errorOf } from './error.js';

let lastId = 0;

/**
 * Makes a call of the addon: rejects early when the signal is aborted, and with an error users know when the
 * call fails.
 */
export async function call<T>(
  options: CallOptions,
  start: (addon: NativeAddon, id: number) => Promise<T>,
): Promise<T> {
  checkOptions(options);
  const { signal } = options;
  signal?.throwIfAborted();
  const addon = loadAddon();
  // The addon takes 32 bits and keeps 0 for calls that can't be abandoned.
  if (signal) lastId = (lastId % 0xffff_ffff) + 1;
  const id = signal ? lastId : 0;
  const onAbort = () => {
    addon.abandon(id, signal?.reason);
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await start(addon, id);
  } catch (error) {
    throw signal?.aborted && error === signal.reason ? error : errorOf(error);
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}
