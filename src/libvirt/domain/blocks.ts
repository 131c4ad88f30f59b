import { virDomainBlockCommitFlags, virDomainBlockJobAbortFlags } from '../enums/domain.js';
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
const blockJobTypes = ['unknown', 'pull', 'copy', 'commit', 'active-commit', 'backup'] as const;

/** What a block job does. */
export type BlockJobType = (typeof blockJobTypes)[number];

export function blockJobType(type: number): BlockJobType {
  return blockJobTypes[type] ?? 'unknown';
}

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

export const blockCommitFlags = {
  shallow: virDomainBlockCommitFlags.VIR_DOMAIN_BLOCK_COMMIT_SHALLOW,
  delete: virDomainBlockCommitFlags.VIR_DOMAIN_BLOCK_COMMIT_DELETE,
  active: virDomainBlockCommitFlags.VIR_DOMAIN_BLOCK_COMMIT_ACTIVE,
  relative: virDomainBlockCommitFlags.VIR_DOMAIN_BLOCK_COMMIT_RELATIVE,
};

/** The unit of the limit, which is MiB per second otherwise. */
export const bandwidthInBytes = virDomainBlockCommitFlags.VIR_DOMAIN_BLOCK_COMMIT_BANDWIDTH_BYTES;

export const blockJobAbortFlags = {
  pivot: virDomainBlockJobAbortFlags.VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT,
  async: virDomainBlockJobAbortFlags.VIR_DOMAIN_BLOCK_JOB_ABORT_ASYNC,
};
