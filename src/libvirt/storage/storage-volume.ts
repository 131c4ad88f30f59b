import { addAbortSignal, type Readable, type Writable } from 'node:stream';
import {
  argumentError,
  checkFunction,
  checkOptionalBoolean,
  checkOptions,
  flagsOf,
  type CallOptions,
} from '../arguments.js';
import { call } from '../call.js';
import type { NativeStorageVolume, StorageVolumeHandle } from '../addon/objects.js';
import { Reference } from '../reference.js';
import { checkBytes, checkOptionalBytes } from './sizes.js';
import {
  virStorageVolDeleteFlags,
  virStorageVolDownloadFlags,
  virStorageVolInfoFlags,
  virStorageVolResizeFlags,
  virStorageVolUploadFlags,
  virStorageVolWipeAlgorithm,
} from '../enums/storage-volume.js';
import { StoragePool } from './storage-pool.js';
import { DownloadStream, UploadStream } from '../streams/streams.js';

/** By virStorageVolType, with the names `virsh vol-info` prints. */
const types = ['file', 'block', 'dir', 'network', 'netdir', 'ploop'] as const;

/** What a storage volume is. */
export type StorageVolumeType = (typeof types)[number];

/** How large a storage volume is, in bytes. */
export interface StorageVolumeInfo {
  type: StorageVolumeType;
  /** What a guest would see. */
  capacity: bigint;
  /** What it takes up; with `physical` the length of the file. */
  allocation: bigint;
}

/** By the names `virsh vol-wipe --algorithm` takes. */
const wipeAlgorithms = new Map<string, number>([
  ['zero', virStorageVolWipeAlgorithm.VIR_STORAGE_VOL_WIPE_ALG_ZERO],
  ['nnsa', virStorageVolWipeAlgorithm.VIR_STORAGE_VOL_WIPE_ALG_NNSA],
  ['dod', virStorageVolWipeAlgorithm.VIR_STORAGE_VOL_WIPE_ALG_DOD],
  ['bsi', virStorageVolWipeAlgorithm.VIR_STORAGE_VOL_WIPE_ALG_BSI],
  ['gutmann', virStorageVolWipeAlgorithm.VIR_STORAGE_VOL_WIPE_ALG_GUTMANN],
  ['schneier', virStorageVolWipeAlgorithm.VIR_STORAGE_VOL_WIPE_ALG_SCHNEIER],
  ['pfitzner7', virStorageVolWipeAlgorithm.VIR_STORAGE_VOL_WIPE_ALG_PFITZNER7],
  ['pfitzner33', virStorageVolWipeAlgorithm.VIR_STORAGE_VOL_WIPE_ALG_PFITZNER33],
  ['random', virStorageVolWipeAlgorithm.VIR_STORAGE_VOL_WIPE_ALG_RANDOM],
  ['trim', virStorageVolWipeAlgorithm.VIR_STORAGE_VOL_WIPE_ALG_TRIM],
]);

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
export class StorageVolume extends Reference<StorageVolumeHandle> {
  readonly name: string;
  /** What libvirt knows it by in all pools; for a file its path. */
  readonly key: string;

  /** Volumes come from a `StoragePool` or a `Connection`. */
  constructor(native: NativeStorageVolume) {
    super('storage volume', native.handle, (addon, handle) => {
      addon.storageVolumeClose(handle);
    });
    this.name = native.name;
    this.key = native.key;
  }

  /** For `StoragePool`: the handle of an argument. */
  static handleOf(name: string, value: unknown): StorageVolumeHandle {
    if (!(value instanceof StorageVolume)) throw argumentError(name, 'a StorageVolume', value);
    return value.openHandle;
  }

  async getInfo(options: CallOptions & { physical?: boolean | undefined } = {}): Promise<StorageVolumeInfo> {
    checkOptions(options);
    const flags = flagsOf(options, { physical: virStorageVolInfoFlags.VIR_STORAGE_VOL_GET_PHYSICAL });
    const info = await this.call(options, (addon, handle, id) =>
      addon.storageVolumeGetInfo(handle, flags, id),
    );
    return { ...info, type: types[info.type] ?? 'file' };
  }

  async getPath(options: CallOptions = {}): Promise<string> {
    return this.call(options, (addon, handle, id) => addon.storageVolumeGetPath(handle, id));
  }

  async getXml(options: CallOptions = {}): Promise<string> {
    return this.call(options, (addon, handle, id) => addon.storageVolumeGetXml(handle, 0, id));
  }

  /** The pool that it is in. */
  async getPool(options: CallOptions = {}): Promise<StoragePool> {
    return new StoragePool(
      await this.call(options, (addon, handle, id) => addon.storageVolumeGetPool(handle, id)),
    );
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
    checkOptions(options);
    const flags = flagsOf(options, {
      allocate: virStorageVolResizeFlags.VIR_STORAGE_VOL_RESIZE_ALLOCATE,
      delta: virStorageVolResizeFlags.VIR_STORAGE_VOL_RESIZE_DELTA,
      shrink: virStorageVolResizeFlags.VIR_STORAGE_VOL_RESIZE_SHRINK,
    });
    await this.call(options, (addon, handle, id) => addon.storageVolumeResize(handle, bytes, flags, id));
  }

  /** Deletes it and its content. */
  async delete(
    options: CallOptions & { zeroed?: boolean | undefined; withSnapshots?: boolean | undefined } = {},
  ): Promise<void> {
    checkOptions(options);
    const flags = flagsOf(options, {
      zeroed: virStorageVolDeleteFlags.VIR_STORAGE_VOL_DELETE_ZEROED,
      withSnapshots: virStorageVolDeleteFlags.VIR_STORAGE_VOL_DELETE_WITH_SNAPSHOTS,
    });
    await this.call(options, (addon, handle, id) => addon.storageVolumeDelete(handle, flags, id));
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
    const algorithm = wipeAlgorithms.get(options.algorithm ?? 'zero');
    if (algorithm === undefined)
      throw argumentError(
        'algorithm',
        `${[...wipeAlgorithms.keys()].map((name) => `'${name}'`).join(', ')} or undefined`,
        options.algorithm,
      );
    await this.call(options, (addon, handle, id) => addon.storageVolumeWipe(handle, algorithm, 0, id));
  }

  /**
   * A stream that writes into the volume. It ends well only when libvirt has written everything; destroying it
   * before leaves the volume half-written.
   */
  async upload(options: TransferOptions = {}): Promise<Writable> {
    const { offset, length, sparse, onProgress } = checkTransfer(options);
    const flags = sparse ? virStorageVolUploadFlags.VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM : 0;
    const handle = await this.call(options, (addon, volume, id) =>
      addon.storageVolumeUpload(volume, offset, length ?? 0n, flags, id),
    );
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
      call(options, (addon, id) => addon.storageVolumeDownload(volume, partOffset, partLength, flags, id));
    return withSignal(options, await DownloadStream.start(open, offset, length, onProgress));
  }
}

function checkTransfer(options: TransferOptions) {
  checkOptions(options);
  const { sparse, onProgress } = options;
  checkOptionalBoolean('sparse', sparse);
  if (onProgress !== undefined) checkFunction('onProgress', onProgress);
  const length = checkOptionalBytes('length', options.length);
  // libvirt takes 0 for all.
  if (length === 0n) throw argumentError('length', 'more than 0 bytes or undefined', options.length);
  return {
    offset: checkOptionalBytes('offset', options.offset) ?? 0n,
    length,
    sparse: sparse ?? false,
    onProgress,
  };
}

function withSignal<T extends Readable | Writable>({ signal }: CallOptions, stream: T): T {
  if (signal) addAbortSignal(signal, stream);
  return stream;
}
