import type { ConnectionHandle, DomainHandle } from './addon.js';

declare const streamBrand: unique symbol;
declare const storagePoolBrand: unique symbol;
declare const storageVolumeBrand: unique symbol;
declare const networkBrand: unique symbol;

/** An object of the addon that stands for a stream. */
export interface StreamHandle {
  readonly [streamBrand]: never;
}

/** An object of the addon that stands for a reference to a storage pool. */
export interface StoragePoolHandle {
  readonly [storagePoolBrand]: never;
}

/** An object of the addon that stands for a reference to a storage volume. */
export interface StorageVolumeHandle {
  readonly [storageVolumeBrand]: never;
}

/** An object of the addon that stands for a reference to a network. */
export interface NetworkHandle {
  readonly [networkBrand]: never;
}

/** A pool as the addon gives it: what libvirt keeps in the reference itself, read without a call. */
export interface NativeStoragePool {
  readonly handle: StoragePoolHandle;
  readonly name: string;
  readonly uuid: string;
}

export interface NativeStorageVolume {
  readonly handle: StorageVolumeHandle;
  readonly name: string;
  readonly key: string;
}

export interface NativeNetwork {
  readonly handle: NetworkHandle;
  readonly name: string;
  readonly uuid: string;
}

/** `virNetworkDHCPLease`: the expiry in seconds since 1970. */
export interface NativeDhcpLease {
  readonly interface: string | null;
  readonly expiry: number;
  readonly type: number;
  readonly mac: string | null;
  readonly iaid: string | null;
  readonly address: string | null;
  readonly prefix: number;
  readonly hostname: string | null;
  readonly clientId: string | null;
}

/** The functions of native/stream.cc. A stream receives one thing at a time, and sends one thing at a time. */
interface NativeStreams {
  domainOpenConsole(
    domain: DomainHandle,
    device: string | undefined,
    flags: number,
    id: number,
  ): Promise<StreamHandle>;
  domainOpenChannel(
    domain: DomainHandle,
    name: string | undefined,
    flags: number,
    id: number,
  ): Promise<StreamHandle>;
  /** Resolves with what has come, at most `size` bytes; the length of a hole; or null at the end. */
  streamReceive(stream: StreamHandle, size: number): Promise<Buffer | bigint | null>;
  streamSend(stream: StreamHandle, data: Uint8Array): Promise<undefined>;
  streamSendHole(stream: StreamHandle, length: bigint): Promise<undefined>;
  /** Ends it when all is sent, and says whether all went well. A call that receives resolves with null. */
  streamFinish(stream: StreamHandle): Promise<undefined>;
  /** Ends it at once. What waits is rejected. */
  streamAbort(stream: StreamHandle): Promise<undefined>;
}

/** The functions of native/storage_pool.cc. */
interface NativeStoragePools {
  connectionListAllStoragePools(
    connection: ConnectionHandle,
    flags: number,
    id: number,
  ): Promise<NativeStoragePool[]>;
  connectionLookupStoragePoolByName(
    connection: ConnectionHandle,
    name: string,
    id: number,
  ): Promise<NativeStoragePool>;
  connectionLookupStoragePoolByUuid(
    connection: ConnectionHandle,
    uuid: string,
    id: number,
  ): Promise<NativeStoragePool>;
  connectionLookupStoragePoolByTargetPath(
    connection: ConnectionHandle,
    path: string,
    id: number,
  ): Promise<NativeStoragePool>;
  connectionDefineStoragePool(
    connection: ConnectionHandle,
    xml: string,
    flags: number,
    id: number,
  ): Promise<NativeStoragePool>;
  connectionCreateStoragePool(
    connection: ConnectionHandle,
    xml: string,
    flags: number,
    id: number,
  ): Promise<NativeStoragePool>;
  storagePoolClose(pool: StoragePoolHandle): undefined;
  storagePoolBuild(pool: StoragePoolHandle, flags: number, id: number): Promise<undefined>;
  storagePoolCreate(pool: StoragePoolHandle, flags: number, id: number): Promise<undefined>;
  storagePoolDestroy(pool: StoragePoolHandle, id: number): Promise<undefined>;
  storagePoolDelete(pool: StoragePoolHandle, flags: number, id: number): Promise<undefined>;
  storagePoolUndefine(pool: StoragePoolHandle, id: number): Promise<undefined>;
  storagePoolRefresh(pool: StoragePoolHandle, flags: number, id: number): Promise<undefined>;
  storagePoolGetInfo(
    pool: StoragePoolHandle,
    id: number,
  ): Promise<{ state: number; capacity: bigint; allocation: bigint; available: bigint }>;
  storagePoolGetXml(pool: StoragePoolHandle, flags: number, id: number): Promise<string>;
  storagePoolIsActive(pool: StoragePoolHandle, id: number): Promise<boolean>;
  storagePoolIsPersistent(pool: StoragePoolHandle, id: number): Promise<boolean>;
  storagePoolGetAutostart(pool: StoragePoolHandle, id: number): Promise<boolean>;
  storagePoolSetAutostart(pool: StoragePoolHandle, autostart: number, id: number): Promise<undefined>;
  storagePoolListAllVolumes(
    pool: StoragePoolHandle,
    flags: number,
    id: number,
  ): Promise<NativeStorageVolume[]>;
  storagePoolLookupVolumeByName(
    pool: StoragePoolHandle,
    name: string,
    id: number,
  ): Promise<NativeStorageVolume>;
  storagePoolCreateVolume(
    pool: StoragePoolHandle,
    xml: string,
    flags: number,
    id: number,
  ): Promise<NativeStorageVolume>;
  storagePoolCreateVolumeFrom(
    pool: StoragePoolHandle,
    xml: string,
    source: StorageVolumeHandle,
    flags: number,
    id: number,
  ): Promise<NativeStorageVolume>;
}

/** The functions of native/storage_volume.cc. Sizes are in bytes. */
interface NativeStorageVolumes {
  connectionLookupStorageVolumeByKey(
    connection: ConnectionHandle,
    key: string,
    id: number,
  ): Promise<NativeStorageVolume>;
  connectionLookupStorageVolumeByPath(
    connection: ConnectionHandle,
    path: string,
    id: number,
  ): Promise<NativeStorageVolume>;
  storageVolumeClose(volume: StorageVolumeHandle): undefined;
  storageVolumeGetInfo(
    volume: StorageVolumeHandle,
    flags: number,
    id: number,
  ): Promise<{ type: number; capacity: bigint; allocation: bigint }>;
  storageVolumeGetPath(volume: StorageVolumeHandle, id: number): Promise<string>;
  storageVolumeGetPool(volume: StorageVolumeHandle, id: number): Promise<NativeStoragePool>;
  storageVolumeGetXml(volume: StorageVolumeHandle, flags: number, id: number): Promise<string>;
  storageVolumeResize(
    volume: StorageVolumeHandle,
    capacity: bigint,
    flags: number,
    id: number,
  ): Promise<undefined>;
  storageVolumeDelete(volume: StorageVolumeHandle, flags: number, id: number): Promise<undefined>;
  storageVolumeWipe(
    volume: StorageVolumeHandle,
    algorithm: number,
    flags: number,
    id: number,
  ): Promise<undefined>;
  storageVolumeUpload(
    volume: StorageVolumeHandle,
    offset: bigint,
    length: bigint,
    flags: number,
    id: number,
  ): Promise<StreamHandle>;
  storageVolumeDownload(
    volume: StorageVolumeHandle,
    offset: bigint,
    length: bigint,
    flags: number,
    id: number,
  ): Promise<StreamHandle>;
}

/** The functions of native/network.cc. */
interface NativeNetworks {
  connectionListAllNetworks(
    connection: ConnectionHandle,
    flags: number,
    id: number,
  ): Promise<NativeNetwork[]>;
  connectionLookupNetworkByName(
    connection: ConnectionHandle,
    name: string,
    id: number,
  ): Promise<NativeNetwork>;
  connectionLookupNetworkByUuid(
    connection: ConnectionHandle,
    uuid: string,
    id: number,
  ): Promise<NativeNetwork>;
  connectionDefineNetwork(
    connection: ConnectionHandle,
    xml: string,
    flags: number,
    id: number,
  ): Promise<NativeNetwork>;
  connectionCreateNetwork(
    connection: ConnectionHandle,
    xml: string,
    flags: number,
    id: number,
  ): Promise<NativeNetwork>;
  networkClose(network: NetworkHandle): undefined;
  networkCreate(network: NetworkHandle, id: number): Promise<undefined>;
  networkDestroy(network: NetworkHandle, id: number): Promise<undefined>;
  networkUndefine(network: NetworkHandle, id: number): Promise<undefined>;
  networkGetXml(network: NetworkHandle, flags: number, id: number): Promise<string>;
  networkIsActive(network: NetworkHandle, id: number): Promise<boolean>;
  networkIsPersistent(network: NetworkHandle, id: number): Promise<boolean>;
  networkGetAutostart(network: NetworkHandle, id: number): Promise<boolean>;
  networkSetAutostart(network: NetworkHandle, autostart: number, id: number): Promise<undefined>;
  networkGetBridgeName(network: NetworkHandle, id: number): Promise<string>;
  networkGetDhcpLeases(
    network: NetworkHandle,
    mac: string | undefined,
    id: number,
  ): Promise<NativeDhcpLease[]>;
}

/** What the addon offers for streams, pools, volumes and networks. */
export interface NativeObjects
  extends NativeStreams, NativeStoragePools, NativeStorageVolumes, NativeNetworks {}
