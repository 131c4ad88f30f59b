import type { Readable, Writable } from 'node:stream';
import type { Handle } from '../addon/handle.js';
import type { NativeStoragePool, NativeStorageVolume } from '../addon/storage.js';
import {
  argumentError,
  checkBoolean,
  checkBytes,
  checkFunction,
  checkOptionalBoolean,
  checkOptions,
  checkString,
  flagsOf,
  oneOf,
  type CallOptions,
} from '../arguments.js';
import { callOn } from '../call.js';
import {
  virStoragePoolBuildFlags,
  virStoragePoolCreateFlags,
  virStoragePoolDeleteFlags,
  virStorageXMLFlags,
} from '../enums/storage-pool.js';
import {
  virStorageVolCreateFlags,
  virStorageVolDeleteFlags,
  virStorageVolDownloadFlags,
  virStorageVolInfoFlags,
  virStorageVolResizeFlags,
  virStorageVolUploadFlags,
  virStorageVolWipeAlgorithm,
} from '../enums/storage-volume.js';
import { Reference } from '../reference.js';
import { DownloadStream } from '../streams/download-stream.js';
import { withSignal } from '../streams/native-stream.js';
import { UploadStream } from '../streams/upload-stream.js';

/** By virStoragePoolState, with the names `virsh pool-info` prints. */
const poolStates = ['inactive', 'building', 'running', 'degraded', 'inaccessible'] as const;

/** The state of a storage pool. */
export type StoragePoolState = (typeof poolStates)[number];

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

const createVolumeFlags = {
  preallocateMetadata: virStorageVolCreateFlags.VIR_STORAGE_VOL_CREATE_PREALLOC_METADATA,
  reflink: virStorageVolCreateFlags.VIR_STORAGE_VOL_CREATE_REFLINK,
};

/** A reference to a storage pool of an open connection. Closing it does nothing to the pool itself. */
export class StoragePool extends Reference<'storage pool'> {
  readonly name: string;
  /** In canonical form, with dashes. */
  readonly uuid: string;

  /** Pools come from a `Connection`. */
  constructor(native: NativeStoragePool) {
    super('storage pool', native.handle);
    this.name = native.name;
    this.uuid = native.uuid;
  }

  async getInfo(options: CallOptions = {}): Promise<StoragePoolInfo> {
    const info = await this.call('storagePoolGetInfo', options);
    return { ...info, state: poolStates[info.state] ?? 'inaccessible' };
  }

  /** The definition as XML; with `inactive` the persistent one. */
  async getXml(options: CallOptions & { inactive?: boolean | undefined } = {}): Promise<string> {
    const flags = flagsOf(options, { inactive: virStorageXMLFlags.VIR_STORAGE_XML_INACTIVE });
    return this.call('storagePoolGetXml', options, flags);
  }

  async isActive(options: CallOptions = {}): Promise<boolean> {
    return this.call('storagePoolIsActive', options);
  }

  /** Whether it stays defined when it stops. */
  async isPersistent(options: CallOptions = {}): Promise<boolean> {
    return this.call('storagePoolIsPersistent', options);
  }

  /** Whether it starts with libvirt. */
  async getAutostart(options: CallOptions = {}): Promise<boolean> {
    return this.call('storagePoolGetAutostart', options);
  }

  async setAutostart(autostart: boolean, options: CallOptions = {}): Promise<void> {
    checkBoolean('autostart', autostart);
    await this.call('storagePoolSetAutostart', options, Number(autostart));
  }

  /** Makes what the pool needs: a directory, a file system. */
  async build(
    options: CallOptions & { overwrite?: boolean | undefined; noOverwrite?: boolean | undefined } = {},
  ): Promise<void> {
    const flags = flagsOf(options, {
      overwrite: virStoragePoolBuildFlags.VIR_STORAGE_POOL_BUILD_OVERWRITE,
      noOverwrite: virStoragePoolBuildFlags.VIR_STORAGE_POOL_BUILD_NO_OVERWRITE,
    });
    await this.call('storagePoolBuild', options, flags);
  }

  /** Starts it; with `build` after building it. */
  async create(options: CallOptions & { build?: boolean | undefined } = {}): Promise<void> {
    const flags = flagsOf(options, { build: virStoragePoolCreateFlags.VIR_STORAGE_POOL_CREATE_WITH_BUILD });
    await this.call('storagePoolCreate', options, flags);
  }

  /** Stops it, which leaves its volumes as they are. */
  async destroy(options: CallOptions = {}): Promise<void> {
    await this.call('storagePoolDestroy', options);
  }

  /** Deletes what `build` made, of a pool that is stopped. With `zeroed` it is overwritten first. */
  async delete(options: CallOptions & { zeroed?: boolean | undefined } = {}): Promise<void> {
    const flags = flagsOf(options, { zeroed: virStoragePoolDeleteFlags.VIR_STORAGE_POOL_DELETE_ZEROED });
    await this.call('storagePoolDelete', options, flags);
  }

  /** Removes the definition of a pool that is stopped. */
  async undefine(options: CallOptions = {}): Promise<void> {
    await this.call('storagePoolUndefine', options);
  }

  /** Looks for volumes that others made or removed. */
  async refresh(options: CallOptions = {}): Promise<void> {
    await this.call('storagePoolRefresh', options, 0);
  }

  async listAllVolumes(options: CallOptions = {}): Promise<StorageVolume[]> {
    const volumes = await this.call('storagePoolListAllVolumes', options, 0);
    return volumes.map((native) => new StorageVolume(native));
  }

  /** @throws LibvirtError `VIR_ERR_NO_STORAGE_VOL` */
  async lookupVolumeByName(name: string, options: CallOptions = {}): Promise<StorageVolume> {
    checkString('name', name);
    return new StorageVolume(await this.call('storagePoolLookupVolumeByName', options, name));
  }

  /** Creates a volume. */
  async createVolume(
    xml: string,
    options: Omit<CreateVolumeOptions, 'reflink'> = {},
  ): Promise<StorageVolume> {
    checkString('xml', xml);
    const flags = flagsOf(options, createVolumeFlags);
    return new StorageVolume(await this.call('storagePoolCreateVolume', options, xml, flags));
  }

  /** Creates a volume with the content of another one of the same connection. */
  async createVolumeFrom(
    source: StorageVolume,
    xml: string,
    options: CreateVolumeOptions = {},
  ): Promise<StorageVolume> {
    const sourceHandle = StorageVolume.handleOf('source', source);
    checkString('xml', xml);
    const flags = flagsOf(options, createVolumeFlags);
    return new StorageVolume(
      await this.call('storagePoolCreateVolumeFrom', options, xml, sourceHandle, flags),
    );
  }
}

/** By virStorageVolType, with the names `virsh vol-info` prints. */
const volumeTypes = ['file', 'block', 'dir', 'network', 'netdir', 'ploop'] as const;

/** What a storage volume is. */
export type StorageVolumeType = (typeof volumeTypes)[number];

/** How large a storage volume is, in bytes. */
export interface StorageVolumeInfo {
  type: StorageVolumeType;
  /** What a guest would see. */
  capacity: bigint;
  /** What it takes up; with `physical` the length of the file. */
  allocation: bigint;
}

/** By the names `virsh vol-wipe --algorithm` takes. */
const wipeAlgorithms = {
  zero: virStorageVolWipeAlgorithm.VIR_STORAGE_VOL_WIPE_ALG_ZERO,
  nnsa: virStorageVolWipeAlgorithm.VIR_STORAGE_VOL_WIPE_ALG_NNSA,
  dod: virStorageVolWipeAlgorithm.VIR_STORAGE_VOL_WIPE_ALG_DOD,
  bsi: virStorageVolWipeAlgorithm.VIR_STORAGE_VOL_WIPE_ALG_BSI,
  gutmann: virStorageVolWipeAlgorithm.VIR_STORAGE_VOL_WIPE_ALG_GUTMANN,
  schneier: virStorageVolWipeAlgorithm.VIR_STORAGE_VOL_WIPE_ALG_SCHNEIER,
  pfitzner7: virStorageVolWipeAlgorithm.VIR_STORAGE_VOL_WIPE_ALG_PFITZNER7,
  pfitzner33: virStorageVolWipeAlgorithm.VIR_STORAGE_VOL_WIPE_ALG_PFITZNER33,
  random: virStorageVolWipeAlgorithm.VIR_STORAGE_VOL_WIPE_ALG_RANDOM,
  trim: virStorageVolWipeAlgorithm.VIR_STORAGE_VOL_WIPE_ALG_TRIM,
} as const;

/** How the content of a volume is moved. The signal also ends a transfer that is under way. */
export interface TransferOptions extends CallOptions {
  /** Where in the volume to begin, in bytes. Default 0. */
  offset?: number | bigint | undefined;
  /** How many bytes at most, more than 0. Default all. */
  length?: number | bigint | undefined;
  /**
   * Don't send zeros: a download gets holes as their length and still delivers zeros; an upload leaves holes in
   * the volume, whose former content would show there.
   */
  sparse?: boolean | undefined;
  /** Gets the bytes moved so far, holes included. */
  onProgress?: ((bytes: number) => void) | undefined;
}

/** A reference to a storage volume of an open connection. Closing it does nothing to the volume itself. */
export class StorageVolume extends Reference<'storage volume'> {
  readonly name: string;
  /** What libvirt knows it by in all pools; for a file its path. */
  readonly key: string;

  /** Volumes come from a `StoragePool` or a `Connection`. */
  constructor(native: NativeStorageVolume) {
    super('storage volume', native.handle);
    this.name = native.name;
    this.key = native.key;
  }

  /** For `StoragePool`: the handle of an argument. */
  static handleOf(name: string, value: unknown): Handle<'storage volume'> {
    if (!(value instanceof StorageVolume)) throw argumentError(name, 'a StorageVolume', value);
    return value.openHandle;
  }

  async getInfo(options: CallOptions & { physical?: boolean | undefined } = {}): Promise<StorageVolumeInfo> {
    const flags = flagsOf(options, { physical: virStorageVolInfoFlags.VIR_STORAGE_VOL_GET_PHYSICAL });
    const info = await this.call('storageVolumeGetInfo', options, flags);
    return { ...info, type: volumeTypes[info.type] ?? 'file' };
  }

  async getPath(options: CallOptions = {}): Promise<string> {
    return this.call('storageVolumeGetPath', options);
  }

  async getXml(options: CallOptions = {}): Promise<string> {
    return this.call('storageVolumeGetXml', options, 0);
  }

  /** The pool that it is in. */
  async getPool(options: CallOptions = {}): Promise<StoragePool> {
    return new StoragePool(await this.call('storageVolumeGetPool', options));
  }

  /**
   * Changes its capacity, in bytes. `delta` adds to the present one, `allocate` takes the space at once, and
   * only with `shrink` it may become smaller: then what lies beyond is lost.
   */
  async resize(
    capacity: number | bigint,
    options: CallOptions & {
      allocate?: boolean | undefined;
      delta?: boolean | undefined;
      shrink?: boolean | undefined;
    } = {},
  ): Promise<void> {
    const bytes = checkBytes('capacity', capacity);
    const flags = flagsOf(options, {
      allocate: virStorageVolResizeFlags.VIR_STORAGE_VOL_RESIZE_ALLOCATE,
      delta: virStorageVolResizeFlags.VIR_STORAGE_VOL_RESIZE_DELTA,
      shrink: virStorageVolResizeFlags.VIR_STORAGE_VOL_RESIZE_SHRINK,
    });
    await this.call('storageVolumeResize', options, bytes, flags);
  }

  /** Deletes it and its content. */
  async delete(
    options: CallOptions & { zeroed?: boolean | undefined; withSnapshots?: boolean | undefined } = {},
  ): Promise<void> {
    const flags = flagsOf(options, {
      zeroed: virStorageVolDeleteFlags.VIR_STORAGE_VOL_DELETE_ZEROED,
      withSnapshots: virStorageVolDeleteFlags.VIR_STORAGE_VOL_DELETE_WITH_SNAPSHOTS,
    });
    await this.call('storageVolumeDelete', options, flags);
  }

  /** Overwrites the content, by default with zeros. */
  async wipe(
    options: CallOptions & {
      algorithm?:
        | 'zero'
        | 'nnsa'
        | 'dod'
        | 'bsi'
        | 'gutmann'
        | 'schneier'
        | 'pfitzner7'
        | 'pfitzner33'
        | 'random'
        | 'trim'
        | undefined;
    } = {},
  ): Promise<void> {
    checkOptions(options);
    const algorithm = oneOf('algorithm', options.algorithm ?? 'zero', wipeAlgorithms);
    await this.call('storageVolumeWipe', options, algorithm, 0);
  }

  /**
   * A stream that writes into the volume. It ends well only when libvirt has written everything; destroying it
   * before leaves the volume half-written.
   */
  async upload(options: TransferOptions = {}): Promise<Writable> {
    const { offset, length, sparse, onProgress } = checkTransfer(options);
    const flags = sparse ? virStorageVolUploadFlags.VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM : 0;
    const handle = await this.call('storageVolumeUpload', options, offset, length ?? 0n, flags);
    return withSignal(options, new UploadStream(handle, { sparse, onProgress }));
  }

  /**
   * A stream of the volume's content. It is read in parts of 16 MiB, so that a reader who is slow keeps no more
   * of it in memory; who changes the volume in the meantime changes what is read.
   */
  async download(options: TransferOptions = {}): Promise<Readable> {
    const { offset, length, sparse, onProgress } = checkTransfer(options);
    const flags = sparse ? virStorageVolDownloadFlags.VIR_STORAGE_VOL_DOWNLOAD_SPARSE_STREAM : 0;
    // Closing the volume does not end a transfer, as it does not end other calls.
    const volume = this.openHandle;
    const open = (partOffset: bigint, partLength: bigint) =>
      callOn(volume, 'storageVolumeDownload', options, partOffset, partLength, flags);
    return withSignal(options, await DownloadStream.start(open, offset, length, onProgress));
  }
}

function checkTransfer(options: TransferOptions) {
  checkOptions(options);
  const { offset = 0n, sparse, onProgress } = options;
  checkOptionalBoolean('sparse', sparse);
  if (onProgress !== undefined) checkFunction('onProgress', onProgress);
  const length = options.length === undefined ? undefined : checkBytes('length', options.length);
  // libvirt takes 0 for all.
  if (length === 0n) throw argumentError('length', 'more than 0 bytes or undefined', options.length);
  return {
    offset: checkBytes('offset', offset),
    length,
    sparse: sparse ?? false,
    onProgress,
  };
}
