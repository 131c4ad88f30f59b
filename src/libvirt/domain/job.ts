import type { TypedParameters } from '../addon/domain.js';
import { virDomainGetJobStatsFlags, virDomainJobOperation } from '../enums/domain.js';
import { nameOf } from '../names.js';
import { ParameterTree } from '../parameter-tree.js';

/** What a job does: the rest of libvirt's name (`virDomainJobOperation`) in lower case. */
export type JobOperation =
  | 'unknown'
  | 'start'
  | 'save'
  | 'restore'
  | 'migration-in'
  | 'migration-out'
  | 'snapshot'
  | 'snapshot-revert'
  | 'dump'
  | 'backup'
  | 'snapshot-delete';

/** How far something is, in bytes. */
export interface JobProgress {
  total?: bigint | undefined;
  processed?: bigint | undefined;
  remaining?: bigint | undefined;
}

/** A job of a domain: saving, dumping, migrating and so on. What libvirt does not tell is absent. */
export interface DomainJob {
  operation: JobOperation;
  /** In ms. */
  timeElapsed?: bigint | undefined;
  /** In ms; only while it is known (`bounded`). */
  timeRemaining?: bigint | undefined;
  data: JobProgress;
  memory: JobProgress;
  disk: JobProgress;
  /** Of a job that has ended. */
  success?: boolean | undefined;
  errorMessage?: string | undefined;
  /** All that libvirt gave, by its own names (`VIR_DOMAIN_JOB_…`). */
  parameters: TypedParameters;
}

/** By virDomainJobType. */
const jobTypes = ['none', 'bounded', 'unbounded', 'completed', 'failed', 'cancelled'] as const;

/** Whether its end can be foreseen, or how it ended. */
export type DomainJobType = Exclude<(typeof jobTypes)[number], 'none'>;

export const jobFlags = { completed: virDomainGetJobStatsFlags.VIR_DOMAIN_JOB_STATS_COMPLETED };

/** Undefined when there is no job. */
export function jobType(type: number): DomainJobType | undefined {
  const name = jobTypes[type];
  return name === 'none' ? undefined : name;
}

export function domainJob(parameters: TypedParameters): DomainJob {
  const tree = new ParameterTree(parameters);
  const progress = (what: string): JobProgress => ({
    total: tree.bigint(`${what}_total`),
    processed: tree.bigint(`${what}_processed`),
    remaining: tree.bigint(`${what}_remaining`),
  });
  return {
    operation: operationOf(tree.number('operation') ?? 0),
    timeElapsed: tree.bigint('time_elapsed'),
    timeRemaining: tree.bigint('time_remaining'),
    data: progress('data'),
    memory: progress('memory'),
    disk: progress('disk'),
    success: tree.boolean('success'),
    errorMessage: tree.string('errmsg'),
    parameters,
  };
}

function operationOf(operation: number): JobOperation {
  const name = nameOf(virDomainJobOperation, operation) ?? 'VIR_DOMAIN_JOB_OPERATION_UNKNOWN';
  return name.slice('VIR_DOMAIN_JOB_OPERATION_'.length).toLowerCase().replaceAll('_', '-') as JobOperation;
}
