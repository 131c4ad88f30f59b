import type { Handle } from './handle.js';

/** A pool as the addon gives it: what libvirt keeps in the reference itself, read without a call. */
export interface NativeStoragePool {
  readonly handle: Handle<'storage pool'>;
  readonly name: string;
  readonly uuid: string;
}

/** The calls on a storage pool: native/calls/storage_pool.cc. */
export interface StoragePoolCalls {
  storagePoolGetInfo(): { state: number; capacity: bigint; allocation: bigint; available: bigint };
  storagePoolGetXml(flags: number): string;
  storagePoolIsActive(): boolean;
  storagePoolIsPersistent(): boolean;
  storagePoolGetAutostart(): boolean;
  storagePoolSetAutostart(autostart: number): undefined;
  storagePoolBuild(flags: number): undefined;
  storagePoolCreate(flags: number): undefined;
  storagePoolDestroy(): undefined;
  storagePoolDelete(flags: number): undefined;
  storagePoolUndefine(): undefined;
  storagePoolRefresh(flags: number): undefined;
  storagePoolListAllVolumes(flags: number): NativeStorageVolume[];
  storagePoolLookupVolumeByName(name: string): NativeStorageVolume;
  storagePoolCreateVolume(xml: string, flags: number): NativeStorageVolume;
  storagePoolCreateVolumeFrom(
    xml: string,
    source: Handle<'storage volume'>,
    flags: number,
  ): NativeStorageVolume;
}

/** A volume as the addon gives it: what libvirt keeps in the reference itself, read without a call. */
export interface NativeStorageVolume {
  readonly handle: Handle<'storage volume'>;
  readonly name: string;
  readonly key: string;
}

/** The calls on a storage volume: native/calls/storage_volume.cc. Sizes are in bytes. */
export interface StorageVolumeCalls {
  storageVolumeGetInfo(flags: number): { type: number; capacity: bigint; allocation: bigint };
  storageVolumeGetPath(): string;
  storageVolumeGetPool(): NativeStoragePool;
  storageVolumeGetXml(flags: number): string;
  storageVolumeResize(capacity: bigint, flags: number): undefined;
  storageVolumeDelete(flags: number): undefined;
  storageVolumeWipe(algorithm: number, flags: number): undefined;
  /** A length of 0 is all. */
  storageVolumeUpload(offset: bigint, length: bigint, flags: number): Handle<'stream'>;
  storageVolumeDownload(offset: bigint, length: bigint, flags: number): Handle<'stream'>;
}
