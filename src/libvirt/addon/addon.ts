import type { ConnectionCalls, OpeningAddon } from './connection.js';
import type { DomainCalls } from './domain.js';
import type { Handle } from './handle.js';
import type { NetworkCalls } from './network.js';
import type { StoragePoolCalls, StorageVolumeCalls } from './storage.js';
import type { StreamAddon } from './stream.js';

/** What calls are made on, and which. */
export interface Nouns {
  connection: ConnectionCalls;
  domain: DomainCalls;
  'storage pool': StoragePoolCalls;
  'storage volume': StorageVolumeCalls;
  network: NetworkCalls;
}

export type CallArguments<
  Noun extends keyof Nouns,
  Name extends keyof Nouns[Noun],
> = Nouns[Noun][Name] extends (...args: infer Arguments extends unknown[]) => unknown ? Arguments : never;

export type CallResult<Noun extends keyof Nouns, Name extends keyof Nouns[Noun]> = Nouns[Noun][Name] extends (
  ...args: never[]
) => infer Result
  ? Result
  : never;

/** The calls as the addon has them: with a handle before their arguments, and behind them the number of the call. */
type CallsOn<Noun extends keyof Nouns> = {
  [Name in keyof Nouns[Noun]]: (
    handle: Handle<Noun>,
    ...args: [...CallArguments<Noun, Name>, id: number]
  ) => Promise<CallResult<Noun, Name>>;
};

/**
 * The functions of native/calls/. Each calls one function of libvirt off the JavaScript thread; `id` names the
 * call for `abandon`, 0 when it can't be abandoned. Promises are rejected with a `NativeFailure`.
 */
export interface NativeAddon
  extends
    OpeningAddon,
    CallsOn<'connection'>,
    CallsOn<'domain'>,
    CallsOn<'storage pool'>,
    CallsOn<'storage volume'>,
    CallsOn<'network'>,
    StreamAddon {
  abandon(id: number, reason: unknown): void;
  libraryVersion(id: number): Promise<number>;
  /** flock(2) without waiting; false when somebody else has it. */
  flock(fd: number, operation: 'shared' | 'exclusive' | 'unlock'): Promise<boolean>;

  domainClose(domain: Handle<'domain'>): undefined;
  networkClose(network: Handle<'network'>): undefined;
  storagePoolClose(pool: Handle<'storage pool'>): undefined;
  storageVolumeClose(volume: Handle<'storage volume'>): undefined;
}
