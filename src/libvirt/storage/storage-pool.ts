import { checkBoolean, checkOptions, checkString, flagsOf, type CallOptions } from '../arguments.js';
import type { NativeStoragePool, StoragePoolHandle } from '../addon/objects.js';
import { Reference } from '../reference.js';
import {
  virStoragePoolBuildFlags,
  virStoragePoolCreateFlags,
  virStoragePoolDeleteFlags,
  virStorageXMLFlags,
} from '../enums/storage-pool.js';
import { virStorageVolCreateFlags } from '../enums/storage-volume.js';
import { StorageVolume } from './storage-volume.js';

/** By virStoragePoolState, with the names `virsh pool-info` prints. */
const states = ['inactive', 'building', 'running', 'degraded', 'inaccessible'] as const;

/** The state of a storage pool. */
export type StoragePoolState = (typeof states)[number];

/** How full a storage pool is, in bytes. */
export interface StoragePoolInfo {
  state: StoragePoolState;
  capacity: bigint;
  allocation: bigint;
  available: bigint;
}

/** How a volume is created. */
export interface CreateVolumeOptions extends CallOptions {
  /** Allocate the metadata of a qcow2 file in advance. */
  preallocateMetadata?: boolean | undefined;
  /** Share the data of a clone with its source, where the file system can. */
  reflink?: boolean | undefined;
}

/** A reference to a storage pool of an open connection. Closing it does nothing to the pool itself. */
export class StoragePool extends Reference<StoragePoolHandle> {
  readonly name: string;
  /** In canonical form, with dashes. */
  readonly uuid: string;

  /** Pools come from a `Connection`. */
  constructor(native: NativeStoragePool) {
    super('storage pool', native.handle, (addon, handle) => {
      addon.storagePoolClose(handle);
    });
    this.name = native.name;
    this.uuid = native.uuid;
  }

  async getInfo(options: CallOptions = {}): Promise<StoragePoolInfo> {
    const info = await this.call(options, (addon, handle, id) => addon.storagePoolGetInfo(handle, id));
    return { ...info, state: states[info.state] ?? 'inaccessible' };
  }

  /** The definition as XML; with `inactive` the persistent one. */
  async getXml(options: CallOptions & { inactive?: boolean | undefined } = {}): Promise<string> {
    checkOptions(options);
    const flags = flagsOf(options, { inactive: virStorageXMLFlags.VIR_STORAGE_XML_INACTIVE });
    return this.call(options, (addon, handle, id) => addon.storagePoolGetXml(handle, flags, id));
  }

  async isActive(options: CallOptions = {}): Promise<boolean> {
    return this.call(options, (addon, handle, id) => addon.storagePoolIsActive(handle, id));
  }

  /** Whether it stays defined when it stops. */
  async isPersistent(options: CallOptions = {}): Promise<boolean> {
    return this.call(options, (addon, handle, id) => addon.storagePoolIsPersistent(handle, id));
  }

  /** Whether it starts with libvirt. */
  async getAutostart(options: CallOptions = {}): Promise<boolean> {
    return this.call(options, (addon, handle, id) => addon.storagePoolGetAutostart(handle, id));
  }

  async setAutostart(autostart: boolean, options: CallOptions = {}): Promise<void> {
    checkBoolean('autostart', autostart);
    await this.call(options, (addon, handle, id) =>
      addon.storagePoolSetAutostart(handle, Number(autostart), id),
    );
  }

  /** Makes what the pool needs: a directory, a file system. */
  async build(
    options: CallOptions & { overwrite?: boolean | undefined; noOverwrite?: boolean | undefined } = {},
  ): Promise<void> {
    checkOptions(options);
    const flags = flagsOf(options, {
      overwrite: virStoragePoolBuildFlags.VIR_STORAGE_POOL_BUILD_OVERWRITE,
      noOverwrite: virStoragePoolBuildFlags.VIR_STORAGE_POOL_BUILD_NO_OVERWRITE,
    });
    await this.call(options, (addon, handle, id) => addon.storagePoolBuild(handle, flags, id));
  }

  /** Starts it; with `build` after building it. */
  async create(options: CallOptions & { build?: boolean | undefined } = {}): Promise<void> {
    checkOptions(options);
    const flags = flagsOf(options, { build: virStoragePoolCreateFlags.VIR_STORAGE_POOL_CREATE_WITH_BUILD });
    await this.call(options, (addon, handle, id) => addon.storagePoolCreate(handle, flags, id));
  }

  /** Stops it, which leaves its volumes as they are. */
  async destroy(options: CallOptions = {}): Promise<void> {
    await this.call(options, (addon, handle, id) => addon.storagePoolDestroy(handle, id));
  }

  /** Deletes what `build` made, of a pool that is stopped. With `zeroed` it is overwritten first. */
  async delete(options: CallOptions & { zeroed?: boolean | undefined } = {}): Promise<void> {
    checkOptions(options);
    const flags = flagsOf(options, { zeroed: virStoragePoolDeleteFlags.VIR_STORAGE_POOL_DELETE_ZEROED });
    await this.call(options, (addon, handle, id) => addon.storagePoolDelete(handle, flags, id));
  }

  /** Removes the definition of a pool that is stopped. */
  async undefine(options: CallOptions = {}): Promise<void> {
    await this.call(options, (addon, handle, id) => addon.storagePoolUndefine(handle, id));
  }

  /** Looks for volumes that others made or removed. */
  async refresh(options: CallOptions = {}): Promise<void> {
    await this.call(options, (addon, handle, id) => addon.storagePoolRefresh(handle, 0, id));
  }

  async listAllVolumes(options: CallOptions = {}): Promise<StorageVolume[]> {
    const volumes = await this.call(options, (addon, handle, id) =>
      addon.storagePoolListAllVolumes(handle, 0, id),
    );
    return volumes.map((native) => new StorageVolume(native));
  }

  /** @throws LibvirtError `VIR_ERR_NO_STORAGE_VOL` */
  async lookupVolumeByName(name: string, options: CallOptions = {}): Promise<StorageVolume> {
    checkString('name', name);
    return new StorageVolume(
      await this.call(options, (addon, handle, id) => addon.storagePoolLookupVolumeByName(handle, name, id)),
    );
  }

  /** Creates a volume. */
  async createVolume(
    xml: string,
    options: Omit<CreateVolumeOptions, 'reflink'> = {},
  ): Promise<StorageVolume> {
    checkString('xml', xml);
    const flags = createFlags(options);
    return new StorageVolume(
      await this.call(options, (addon, handle, id) => addon.storagePoolCreateVolume(handle, xml, flags, id)),
    );
  }

  /** Creates a volume with the content of another one of the same connection. */
  async createVolumeFrom(
    source: StorageVolume,
    xml: string,
    options: CreateVolumeOptions = {},
  ): Promise<StorageVolume> {
    const sourceHandle = StorageVolume.handleOf('source', source);
    checkString('xml', xml);
    const flags = createFlags(options);
    return new StorageVolume(
      await this.call(options, (addon, handle, id) =>
        addon.storagePoolCreateVolumeFrom(handle, xml, sourceHandle, flags, id),
      ),
    );
  }
}

function createFlags(options: CreateVolumeOptions): number {
  checkOptions(options);
  return flagsOf(options, {
    preallocateMetadata: virStorageVolCreateFlags.VIR_STORAGE_VOL_CREATE_PREALLOC_METADATA,
    reflink: virStorageVolCreateFlags.VIR_STORAGE_VOL_CREATE_REFLINK,
  });
}
