import type { TypedParameters } from '../addon/domain.js';
import { virDomainStatsTypes } from '../enums/domain.js';
import { ParameterTree } from '../parameter-tree.js';
import type { Domain } from './domain.js';
import { stateAndReason, type DomainStateAndReason } from './state.js';
import type { BlockStatistics, DiskOperations, MemoryStatistics } from './statistics.js';

/** A disk of a domain, or with `backing` an image below it. */
export interface DiskStatistics extends BlockStatistics {
  /** The target, such as `vda`. */
  name?: string | undefined;
  /** Which image of the chain this is. */
  backingIndex?: number | undefined;
  path?: string | undefined;
  /** Highest byte that the image uses. */
  allocation?: bigint | undefined;
  /** Size that the guest sees, in bytes. */
  capacity?: bigint | undefined;
  /** Size of the file or device, in bytes. */
  physical?: bigint | undefined;
}

/** One direction of a network interface. */
export interface NetworkTraffic {
  bytes?: bigint | undefined;
  packets?: bigint | undefined;
  errors?: bigint | undefined;
  dropped?: bigint | undefined;
}

/** A kind of statistics. */
export type StatisticsType = keyof typeof statisticsTypes;

export const statisticsTypes = {
  state: virDomainStatsTypes.VIR_DOMAIN_STATS_STATE,
  cpu: virDomainStatsTypes.VIR_DOMAIN_STATS_CPU_TOTAL,
  memory: virDomainStatsTypes.VIR_DOMAIN_STATS_BALLOON,
  vcpus: virDomainStatsTypes.VIR_DOMAIN_STATS_VCPU,
  interfaces: virDomainStatsTypes.VIR_DOMAIN_STATS_INTERFACE,
  disks: virDomainStatsTypes.VIR_DOMAIN_STATS_BLOCK,
  perf: virDomainStatsTypes.VIR_DOMAIN_STATS_PERF,
  iothreads: virDomainStatsTypes.VIR_DOMAIN_STATS_IOTHREAD,
  memoryBandwidth: virDomainStatsTypes.VIR_DOMAIN_STATS_MEMORY,
  dirtyRate: virDomainStatsTypes.VIR_DOMAIN_STATS_DIRTYRATE,
  vm: virDomainStatsTypes.VIR_DOMAIN_STATS_VM,
} as const;

/** Statistics of one domain. What was not asked for, or the driver does not have, is absent or empty. */
export interface DomainStatistics {
  /** A new reference, to be closed like any other. */
  domain: Domain;
  state?: DomainStateAndReason | undefined;
  /** Time of all processors since the start, in ns. */
  cpu?: { time?: bigint | undefined; user?: bigint | undefined; system?: bigint | undefined } | undefined;
  memory?: MemoryStatistics | undefined;
  vcpus: {
    index: number;
    state?: 'offline' | 'running' | 'blocked' | undefined;
    /** In ns. */
    time?: bigint | undefined;
    /** Waiting for input and output, in ns. */
    wait?: bigint | undefined;
    /** Waiting for a processor of the host, in ns. */
    delay?: bigint | undefined;
    halted?: boolean | undefined;
  }[];
  interfaces: { name?: string | undefined; received: NetworkTraffic; sent: NetworkTraffic }[];
  disks: DiskStatistics[];
  /** All that libvirt gave, by its own names (`virConnectGetAllDomainStats`), the kinds without fields here included. */
  parameters: TypedParameters;
}

/** By virVcpuState. */
const vcpuStates = ['offline', 'running', 'blocked'] as const;

export function domainStatistics(domain: Domain, parameters: TypedParameters): DomainStatistics {
  const tree = new ParameterTree(parameters);
  const state = tree.number('state.state');
  return {
    domain,
    state: state === undefined ? undefined : stateAndReason(state, tree.number('state.reason') ?? 0),
    cpu: tree.has('cpu')
      ? { time: tree.bigint('cpu.time'), user: tree.bigint('cpu.user'), system: tree.bigint('cpu.system') }
      : undefined,
    memory: tree.has('balloon') ? balloon(tree.at('balloon')) : undefined,
    vcpus: tree.list('vcpu').map(([index, vcpu]) => ({
      index,
      state: vcpuStates[vcpu.number('state') ?? -1],
      time: vcpu.bigint('time'),
      wait: vcpu.bigint('wait'),
      delay: vcpu.bigint('delay'),
      halted: vcpu.boolean('halted'),
    })),
    interfaces: tree.list('net').map(([, net]) => ({
      name: net.string('name'),
      received: traffic(net.at('rx')),
      sent: traffic(net.at('tx')),
    })),
    disks: tree.list('block').map(([, block]) => ({
      name: block.string('name'),
      backingIndex: block.number('backingIndex'),
      path: block.string('path'),
      read: operations(block.at('rd')),
      write: operations(block.at('wr')),
      flush: { requests: block.bigint('fl.reqs'), time: block.bigint('fl.times') },
      errors: block.bigint('errors'),
      allocation: block.bigint('allocation'),
      capacity: block.bigint('capacity'),
      physical: block.bigint('physical'),
    })),
    parameters,
  };
}

function balloon(tree: ParameterTree): MemoryStatistics {
  return {
    current: tree.bigint('current'),
    maximum: tree.bigint('maximum'),
    swapIn: tree.bigint('swap_in'),
    swapOut: tree.bigint('swap_out'),
    majorFaults: tree.bigint('major_fault'),
    minorFaults: tree.bigint('minor_fault'),
    unused: tree.bigint('unused'),
    available: tree.bigint('available'),
    usable: tree.bigint('usable'),
    rss: tree.bigint('rss'),
    lastUpdate: tree.bigint('last-update'),
    diskCaches: tree.bigint('disk_caches'),
    hugePageAllocations: tree.bigint('hugetlb_pgalloc'),
    hugePageFailures: tree.bigint('hugetlb_pgfail'),
  };
}

function operations(tree: ParameterTree): DiskOperations {
  return { requests: tree.bigint('reqs'), bytes: tree.bigint('bytes'), time: tree.bigint('times') };
}

function traffic(tree: ParameterTree): NetworkTraffic {
  return {
    bytes: tree.bigint('bytes'),
    packets: tree.bigint('pkts'),
    errors: tree.bigint('errs'),
    dropped: tree.bigint('drop'),
  };
}
