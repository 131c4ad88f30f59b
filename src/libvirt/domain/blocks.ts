import {
  checkOptionalString,
  checkOptions,
  checkSize,
  checkString,
  flagsOf,
  type CallOptions,
} from '../arguments.js';
import {
  virDomainBlockCommitFlags,
  virDomainBlockJobAbortFlags,
  virDomainBlockJobInfoFlags,
  virDomainBlockResizeFlags,
  virDomainGetJobStatsFlags,
} from '../enums/domain.js';
import { DomainGuest } from './guest.js';
import { domainJob, jobType, type DomainJob, type DomainJobType } from './job.js';
import {
  blockStatistics,
  memoryStatistics,
  type BlockStatistics,
  type MemoryStatistics,
} from './statistics.js';

/** Sizes of a disk in bytes. */
export interface BlockInfo {
  /** What the guest sees. */
  capacity: bigint;
  /** The highest byte that the image uses. */
  allocation: bigint;
  /** Of the file or device that holds it. */
  physical: bigint;
}

/** By virDomainBlockJobType. */
export const blockJobTypes = ['unknown', 'pull', 'copy', 'commit', 'active-commit', 'backup'] as const;

/** What a block job does. */
export type BlockJobType = (typeof blockJobTypes)[number];

/** A block job under way. */
export interface BlockJob {
  type: BlockJobType;
  /** The limit in bytes per second; 0 for none. */
  bandwidth: bigint;
  /** How much is done, in units that only `end` gives a meaning. It may grow while the job runs. */
  current: bigint;
  end: bigint;
}

/** What is committed into what. */
export interface BlockCommitOptions {
  /** The image that takes the data: a path, or an index such as `vda[2]`; by default the lowest of the chain. */
  base?: string | undefined;
  /** The highest image whose data is taken; by default the active one, which `active` has to agree to. */
  top?: string | undefined;
  /** In bytes per second; no limit by default. */
  bandwidth?: number | bigint | undefined;
  /** Into the image right below `top`. */
  shallow?: boolean | undefined;
  /** Delete the images that are no longer used. */
  delete?: boolean | undefined;
  /**
   * The guest writes to `top` meanwhile. The job does not end by itself then: after the event `block-job` with
   * the status `ready`, `abortBlockJob` with `pivot` ends it.
   */
  active?: boolean | undefined;
  /** Keep the names of backing files relative. */
  relative?: boolean | undefined;
}

/** Disks, and what there is to be measured. `disk` is a target such as `vda`, or the path of an image. */
export abstract class DomainBlocks extends DomainGuest {
  async getBlockInfo(disk: string, options: CallOptions = {}): Promise<BlockInfo> {
    checkString('disk', disk);
    return this.call(options, (addon, handle, id) => addon.domainGetBlockInfo(handle, disk, 0, id));
  }

  /** Makes a disk of a running domain larger, or smaller, to a size in bytes. */
  async resizeBlock(disk: string, size: number | bigint, options: CallOptions = {}): Promise<void> {
    checkString('disk', disk);
    const bytes = checkSize('size', size, 'a positive safe integer in bytes', 1);
    const flags = virDomainBlockResizeFlags.VIR_DOMAIN_BLOCK_RESIZE_BYTES;
    await this.call(options, (addon, handle, id) => addon.domainBlockResize(handle, disk, bytes, flags, id));
  }

  /** What a disk of a running domain has done; all of them together if `disk` is an empty string. */
  async getBlockStats(disk: string, options: CallOptions = {}): Promise<BlockStatistics> {
    checkString('disk', disk);
    return blockStatistics(
      await this.call(options, (addon, handle, id) => addon.domainGetBlockStats(handle, disk, 0, id)),
    );
  }

  /**
   * Begins to move the data of images into one below them, while the domain runs. Resolves when the job has
   * begun; the event `block-job` and `getBlockJob` tell how it goes.
   */
  async blockCommit(disk: string, options: CallOptions & BlockCommitOptions = {}): Promise<void> {
    checkString('disk', disk);
    checkOptions(options);
    const { base, top, bandwidth = 0 } = options;
    checkOptionalString('base', base);
    checkOptionalString('top', top);
    const limit = checkSize('bandwidth', bandwidth, 'a safe integer in bytes per second', 0);
    const flags = flagsOf(options, {
      shallow: virDomainBlockCommitFlags.VIR_DOMAIN_BLOCK_COMMIT_SHALLOW,
      delete: virDomainBlockCommitFlags.VIR_DOMAIN_BLOCK_COMMIT_DELETE,
      active: virDomainBlockCommitFlags.VIR_DOMAIN_BLOCK_COMMIT_ACTIVE,
      relative: virDomainBlockCommitFlags.VIR_DOMAIN_BLOCK_COMMIT_RELATIVE,
    });
    const inBytes = virDomainBlockCommitFlags.VIR_DOMAIN_BLOCK_COMMIT_BANDWIDTH_BYTES;
    await this.call(options, (addon, handle, id) =>
      addon.domainBlockCommit(handle, disk, base, top, limit, flags | inBytes, id),
    );
  }

  /** The job on a disk; null when there is none. */
  async getBlockJob(disk: string, options: CallOptions = {}): Promise<BlockJob | null> {
    checkString('disk', disk);
    const flags = virDomainBlockJobInfoFlags.VIR_DOMAIN_BLOCK_JOB_INFO_BANDWIDTH_BYTES;
    const job = await this.call(options, (addon, handle, id) =>
      addon.domainGetBlockJobInfo(handle, disk, flags, id),
    );
    return job && { ...job, type: blockJobTypes[job.type] ?? 'unknown' };
  }

  /**
   * Ends the job on a disk, and waits until it has ended unless `async` says not to. With `pivot` the domain
   * goes on with the image that the job has completed.
   */
  async abortBlockJob(
    disk: string,
    options: CallOptions & { pivot?: boolean | undefined; async?: boolean | undefined } = {},
  ): Promise<void> {
    checkString('disk', disk);
    checkOptions(options);
    const flags = flagsOf(options, {
      pivot: virDomainBlockJobAbortFlags.VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT,
      async: virDomainBlockJobAbortFlags.VIR_DOMAIN_BLOCK_JOB_ABORT_ASYNC,
    });
    await this.call(options, (addon, handle, id) => addon.domainBlockJobAbort(handle, disk, flags, id));
  }

  /** Memory of the running domain, as its balloon and the host tell. */
  async getMemoryStats(options: CallOptions = {}): Promise<MemoryStatistics> {
    return memoryStatistics(
      await this.call(options, (addon, handle, id) => addon.domainGetMemoryStats(handle, 0, id)),
    );
  }

  /** The job that keeps it busy, or with `completed` the last one that ended well; null when there is none. */
  async getJob(
    options: CallOptions & { completed?: boolean | undefined } = {},
  ): Promise<(DomainJob & { type: DomainJobType }) | null> {
    checkOptions(options);
    const flags = flagsOf(options, { completed: virDomainGetJobStatsFlags.VIR_DOMAIN_JOB_STATS_COMPLETED });
    const [number, parameters] = await this.call(options, (addon, handle, id) =>
      addon.domainGetJobStats(handle, flags, id),
    );
    const type = jobType(number);
    return type === undefined ? null : { type, ...domainJob(parameters) };
  }

  /** Ends the job that keeps it busy; the call that began it fails with `VIR_ERR_OPERATION_ABORTED`. */
  async abortJob(options: CallOptions = {}): Promise<void> {
    await this.call(options, (addon, handle, id) => addon.domainAbortJob(handle, id));
  }
}
