import type { NativeDomain, NativeEventValue, TypedParameters } from './domain.js';
import type { Handle } from './handle.js';
import type { NativeNetwork } from './network.js';
import type { NativeStoragePool, NativeStorageVolume } from './storage.js';

/** What is asked for to open a connection (`virConnectCredential`). */
export interface NativeCredential {
  readonly type: number;
  readonly prompt: string | null;
  readonly challenge: string | null;
  readonly defaultResult: string | null;
}

/** What makes connections: native/calls/connection.cc. */
export interface OpeningAddon {
  connectionOpen(
    uri: string | undefined,
    readOnly: boolean,
    onClosed: (reason: number) => void,
    id: number,
  ): Promise<Handle<'connection'>>;
  /** `onCredentials` is called when credentials are needed, and then `answerCredentials` has to be with its token. */
  connectionOpenAuth(
    uri: string | undefined,
    readOnly: boolean,
    onClosed: (reason: number) => void,
    onCredentials: (token: bigint, requests: NativeCredential[]) => void,
    id: number,
  ): Promise<Handle<'connection'>>;
  /** Undefined declines. */
  answerCredentials(token: bigint, answers: readonly (string | null)[] | undefined): void;
}

/** The calls on a connection: native/calls/connection.cc, and from the file of each noun what finds and makes it. */
export interface ConnectionCalls {
  /** Resolves with the number of references that were left, which is 0 unless something leaks. */
  connectionClose(): number;
  connectionGetUri(): string;
  connectionGetType(): string;
  connectionGetVersion(): number;
  connectionGetLibraryVersion(): number;
  connectionGetCapabilities(): string;
  connectionGetDomainCapabilities(
    emulator: string | undefined,
    arch: string | undefined,
    machine: string | undefined,
    virtType: string | undefined,
  ): string;

  connectionListAllDomains(flags: number): NativeDomain[];
  connectionLookupDomainByName(name: string): NativeDomain;
  connectionLookupDomainByUuid(uuid: string): NativeDomain;
  connectionDefineDomain(xml: string, flags: number): NativeDomain;
  connectionCreateDomain(xml: string, flags: number): NativeDomain;
  connectionGetAllDomainStats(
    stats: number,
    flags: number,
  ): [domain: NativeDomain, parameters: TypedParameters][];
  /** Resolves with the token that ends the subscription. Events may come before that. */
  subscribeDomainEvent(
    event: number,
    listener: (name: string, uuid: string, values: readonly NativeEventValue[]) => void,
  ): bigint;
  unsubscribeDomainEvent(token: bigint): undefined;

  connectionListAllStoragePools(flags: number): NativeStoragePool[];
  connectionLookupStoragePoolByName(name: string): NativeStoragePool;
  connectionLookupStoragePoolByUuid(uuid: string): NativeStoragePool;
  connectionLookupStoragePoolByTargetPath(path: string): NativeStoragePool;
  connectionDefineStoragePool(xml: string, flags: number): NativeStoragePool;
  connectionCreateStoragePool(xml: string, flags: number): NativeStoragePool;
  connectionLookupStorageVolumeByKey(key: string): NativeStorageVolume;
  connectionLookupStorageVolumeByPath(path: string): NativeStorageVolume;

  connectionListAllNetworks(flags: number): NativeNetwork[];
  connectionLookupNetworkByName(name: string): NativeNetwork;
  connectionLookupNetworkByUuid(uuid: string): NativeNetwork;
  connectionDefineNetwork(xml: string, flags: number): NativeNetwork;
  connectionCreateNetwork(xml: string, flags: number): NativeNetwork;
}
