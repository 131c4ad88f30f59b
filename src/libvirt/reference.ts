import { loadAddon, type NativeAddon } from './addon/addon.js';
import type { CallOptions } from './arguments.js';
import { call } from './call.js';
import { closedError, type Closable } from './error.js';

/** A reference to something of an open connection. Closing it does nothing to the thing itself. */
export abstract class Reference<Handle extends object> {
  readonly #what: Closable;
  readonly #free: (addon: NativeAddon, handle: Handle) => void;
  #handle: Handle | undefined;

  protected constructor(what: Closable, handle: Handle, free: (addon: NativeAddon, handle: Handle) => void) {
    this.#what = what;
    this.#handle = handle;
    this.#free = free;
  }

  /**
   * Frees the reference; later calls are rejected, and calls in flight end as they would have. Closing the
   * connection frees all its references.
   */
  // eslint-disable-next-line @typescript-eslint/require-await -- rejects on a wrong receiver, like all others
  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    if (handle) this.#free(loadAddon(), handle);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** For other nouns of this API. @throws LibvirtError when it is closed */
  protected get openHandle(): Handle {
    const handle = this.#handle;
    if (!handle) throw closedError(this.#what);
    return handle;
  }

  protected call<T>(
    options: CallOptions,
    start: (addon: NativeAddon, handle: Handle, id: number) => Promise<T>,
  ): Promise<T> {
    const handle = this.openHandle;
    return call(options, (addon, id) => start(addon, handle, id));
  }
}
