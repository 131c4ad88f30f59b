import type { TypedParameters } from '../addon/domain.js';
import { ParameterTree } from '../parameter-tree.js';

/** Requests that a disk has served; counted since the domain was started. */
export interface DiskOperations {
  requests?: bigint | undefined;
  bytes?: bigint | undefined;
  /** In ns. */
  time?: bigint | undefined;
}

/** What a disk has done. What the hypervisor does not count is absent. */
export interface BlockStatistics {
  read: DiskOperations;
  write: DiskOperations;
  flush: Omit<DiskOperations, 'bytes'>;
  errors?: bigint | undefined;
}

/** Memory in KiB, counters and times in the units named. What neither balloon nor host tells is absent. */
export interface MemoryStatistics {
  /** What the balloon leaves to the guest. */
  current?: bigint | undefined;
  maximum?: bigint | undefined;
  swapIn?: bigint | undefined;
  swapOut?: bigint | undefined;
  /** Page faults that took a disk access; a count. */
  majorFaults?: bigint | undefined;
  /** A count. */
  minorFaults?: bigint | undefined;
  unused?: bigint | undefined;
  /** What the guest's system counts as its memory. */
  available?: bigint | undefined;
  /** What could be used without swapping. */
  usable?: bigint | undefined;
  /** Resident memory of the process on the host. */
  rss?: bigint | undefined;
  /** When the guest told; seconds since 1970. */
  lastUpdate?: bigint | undefined;
  diskCaches?: bigint | undefined;
  /** Successful allocations of huge pages; a count. */
  hugePageAllocations?: bigint | undefined;
  /** A count. */
  hugePageFailures?: bigint | undefined;
}

/** `virDomainMemoryStats`: pairs of a tag and a value. */
export function memoryStatistics(
  stats: readonly (readonly [tag: number, value: bigint])[],
): MemoryStatistics {
  const result: MemoryStatistics = {};
  for (const [tag, value] of stats) {
    const name = memoryTags[tag];
    if (name) result[name] = value;
  }
  return result;
}

/** By virDomainMemoryStatTags. */
const memoryTags: readonly (keyof MemoryStatistics)[] = [
  'swapIn',
  'swapOut',
  'majorFaults',
  'minorFaults',
  'unused',
  'available',
  'current',
  'rss',
  'usable',
  'lastUpdate',
  'diskCaches',
  'hugePageAllocations',
  'hugePageFailures',
];

/** `virDomainBlockStatsFlags`, which has names of its own for the same things. */
export function blockStatistics(parameters: TypedParameters): BlockStatistics {
  const tree = new ParameterTree(parameters);
  const errors = tree.bigint('errs');
  return {
    read: {
      requests: tree.bigint('rd_operations'),
      bytes: tree.bigint('rd_bytes'),
      time: tree.bigint('rd_total_times'),
    },
    write: {
      requests: tree.bigint('wr_operations'),
      bytes: tree.bigint('wr_bytes'),
      time: tree.bigint('wr_total_times'),
    },
    flush: { requests: tree.bigint('flush_operations'), time: tree.bigint('flush_total_times') },
    // -1 from hypervisors that don't count them.
    errors: errors === undefined || errors < 0n ? undefined : errors,
  };
}
