import type { CallArguments, CallResult, NativeAddon, Nouns } from './addon/addon.js';
import type { Handle } from './addon/handle.js';
import type { CallOptions } from './arguments.js';
import { callOn } from './call.js';
import { closedError } from './error.js';
import { loadAddon } from './load.js';

type Referable = Exclude<keyof Nouns, 'connection'>;

const free: { [Noun in Referable]: (addon: NativeAddon, handle: Handle<Noun>) => void } = {
  domain: (addon, handle) => {
    addon.domainClose(handle);
  },
  'storage pool': (addon, handle) => {
    addon.storagePoolClose(handle);
  },
  'storage volume': (addon, handle) => {
    addon.storageVolumeClose(handle);
  },
  network: (addon, handle) => {
    addon.networkClose(handle);
  },
};

/** A reference to something of an open connection. Closing it does nothing to the thing itself. */
export abstract class Reference<Noun extends Referable> {
  readonly #noun: Noun;
  #handle: Handle<Noun> | undefined;

  protected constructor(noun: Noun, handle: Handle<Noun>) {
    this.#noun = noun;
    this.#handle = handle;
  }

  /**
   * Frees the reference; later calls are rejected as on an invalid one (`VIR_ERR_INVALID_DOMAIN` and so on), and calls
   * in flight end as they would have. Closing the connection frees all its references.
   */
  // eslint-disable-next-line @typescript-eslint/require-await -- rejects on a wrong receiver, like all others
  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    if (handle) free[this.#noun](loadAddon(), handle);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** For other nouns of this API. @throws LibvirtError when it is closed */
  protected get openHandle(): Handle<Noun> {
    const handle = this.#handle;
    if (!handle) throw closedError(this.#noun);
    return handle;
  }

  /** Makes a call with the handle of this reference: `call('domainReboot', options, flags)`. */
  protected call<Name extends keyof Nouns[Noun]>(
    name: Name,
    options: CallOptions,
    ...args: CallArguments<Noun, Name>
  ): Promise<CallResult<Noun, Name>> {
    return callOn(this.openHandle, name, options, ...args);
  }
}
