import { loadAddon, type DomainHandle, type NativeAddon, type NativeDomain } from '../addon/addon.js';
import { checkOptions, flagsOf, type CallOptions } from '../arguments.js';
import { call } from '../call.js';
import { virDomainModificationImpact } from '../enums/domain.js';
import { closedError } from '../error.js';

/** Which definition is meant; neither means the one in effect, which is the running one of a running domain. */
export interface AffectOptions {
  /** The persistent definition. */
  config?: boolean | undefined;
  /** The running domain. */
  live?: boolean | undefined;
}

export const affect = {
  config: virDomainModificationImpact.VIR_DOMAIN_AFFECT_CONFIG,
  live: virDomainModificationImpact.VIR_DOMAIN_AFFECT_LIVE,
};

export function affectFlags(options: CallOptions & AffectOptions): number {
  checkOptions(options);
  return flagsOf(options, affect);
}

/**
 * A reference to a domain, without the calls. `Domain` is made of layers, one file for each kind of call, because
 * one file with all of them would be too long to read.
 */
export abstract class DomainReference {
  /** In canonical form, with dashes. */
  readonly uuid: string;
  /** The number of the running domain when the reference was made; null when it was not running. */
  readonly id: number | null;
  #name: string;
  #handle: DomainHandle | undefined;

  /** Domains come from a `Connection`. */
  constructor(native: NativeDomain) {
    this.#name = native.name;
    this.uuid = native.uuid;
    this.id = native.id;
    this.#handle = native.handle;
  }

  /** The name when the reference was made, or the one that `rename` of this reference gave it. */
  get name(): string {
    return this.#name;
  }

  protected set name(name: string) {
    this.#name = name;
  }

  /**
   * Frees the reference; later calls are rejected with `VIR_ERR_INVALID_DOMAIN`, and calls in flight end as
   * they would have. Closing the connection frees all its domains.
   */
  // eslint-disable-next-line @typescript-eslint/require-await -- rejects on a wrong receiver, like all others
  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    if (handle) loadAddon().domainClose(handle);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Makes a call of the addon with the handle of this domain. */
  protected async call<T>(
    options: CallOptions,
    start: (addon: NativeAddon, handle: DomainHandle, id: number) => Promise<T>,
  ): Promise<T> {
    const handle = this.#handle;
    if (!handle) throw closedError('domain');
    return call(options, (addon, id) => start(addon, handle, id));
  }
}
