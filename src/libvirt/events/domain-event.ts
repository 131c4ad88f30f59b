import type { NativeEventValue } from '../addon/domain.js';
import { blockJobType, type BlockJobType } from '../domain/blocks.js';
import { domainJob, type DomainJob } from '../domain/job.js';
import {
  virDomainEventCrashedDetailType,
  virDomainEventDefinedDetailType,
  virDomainEventID,
  virDomainEventPMSuspendedDetailType,
  virDomainEventResumedDetailType,
  virDomainEventShutdownDetailType,
  virDomainEventStartedDetailType,
  virDomainEventStoppedDetailType,
  virDomainEventSuspendedDetailType,
  virDomainEventUndefinedDetailType,
} from '../enums/domain-event.js';
import { nameOf } from '../names.js';

/** Which domain an event is about. It may be gone already, so this is no reference to it. */
export interface EventDomain {
  readonly name: string;
  readonly uuid: string;
}

/** It was defined, started, stopped and so on. */
export interface DomainLifecycleEvent {
  readonly type: 'lifecycle';
  readonly domain: EventDomain;
  readonly event:
    | 'defined'
    | 'undefined'
    | 'started'
    | 'suspended'
    | 'resumed'
    | 'stopped'
    | 'shutdown'
    | 'pmsuspended'
    | 'crashed';
  /**
   * Why: the rest of libvirt's name in lower case, such as `booted` and `from-snapshot` for `started`, or
   * `shutdown`, `destroyed`, `crashed` and `failed` for `stopped`; `unknown-<n>` for one we don't know.
   */
  readonly detail: string;
}

/** By virDomainEventType. */
const events = [
  ['defined', virDomainEventDefinedDetailType],
  ['undefined', virDomainEventUndefinedDetailType],
  ['started', virDomainEventStartedDetailType],
  ['suspended', virDomainEventSuspendedDetailType],
  ['resumed', virDomainEventResumedDetailType],
  ['stopped', virDomainEventStoppedDetailType],
  ['shutdown', virDomainEventShutdownDetailType],
  ['pmsuspended', virDomainEventPMSuspendedDetailType],
  ['crashed', virDomainEventCrashedDetailType],
] as const;

/** The guest rebooted by itself. */
export interface DomainRebootEvent {
  readonly type: 'reboot';
  readonly domain: EventDomain;
}

/** The agent in the guest came or went. */
export interface DomainAgentLifecycleEvent {
  readonly type: 'agent-lifecycle';
  readonly domain: EventDomain;
  readonly state: 'connected' | 'disconnected';
  /** `domain-started` when that is how libvirt found out, `channel` when the guest opened or closed it. */
  readonly reason: 'unknown' | 'domain-started' | 'channel';
}

/** A job on a disk ended, or is ready to. */
export interface DomainBlockJobEvent {
  readonly type: 'block-job';
  readonly domain: EventDomain;
  /** The target, such as `vda`. */
  readonly disk: string;
  readonly job: BlockJobType;
  readonly status: 'completed' | 'failed' | 'canceled' | 'ready';
}

/** A device is gone, as `detachDevice` asked for or on the guest's own account. */
export interface DomainDeviceRemovedEvent {
  readonly type: 'device-removed';
  readonly domain: EventDomain;
  readonly alias: string;
}

/** A job of the domain ended: saving, migrating and so on. */
export interface DomainJobCompletedEvent {
  readonly type: 'job-completed';
  readonly domain: EventDomain;
  readonly job: DomainJob;
}

/** What happened to a domain. */
export type DomainEvent =
  | DomainLifecycleEvent
  | DomainRebootEvent
  | DomainAgentLifecycleEvent
  | DomainBlockJobEvent
  | DomainDeviceRemovedEvent
  | DomainJobCompletedEvent;

export type DomainEventType = DomainEvent['type'];

/** The event, or events, of one or more types. */
export type DomainEventOf<Type extends DomainEventType> = Extract<DomainEvent, { type: Type }>;

const numbers: Readonly<Record<DomainEventType, number>> = {
  lifecycle: virDomainEventID.VIR_DOMAIN_EVENT_ID_LIFECYCLE,
  reboot: virDomainEventID.VIR_DOMAIN_EVENT_ID_REBOOT,
  'agent-lifecycle': virDomainEventID.VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE,
  'block-job': virDomainEventID.VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2,
  'device-removed': virDomainEventID.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
  'job-completed': virDomainEventID.VIR_DOMAIN_EVENT_ID_JOB_COMPLETED,
};

export const domainEventTypes = Object.keys(numbers) as readonly DomainEventType[];

/** Its virDomainEventID. */
export function eventNumber(type: DomainEventType): number {
  return numbers[type];
}

/** By virConnectDomainEventAgentLifecycleState. */
const agentStates = [undefined, 'connected', 'disconnected'] as const;
/** By virConnectDomainEventAgentLifecycleReason. */
const agentReasons = ['unknown', 'domain-started', 'channel'] as const;
/** By virConnectDomainEventBlockJobStatus. */
const blockJobStatuses = ['completed', 'failed', 'canceled', 'ready'] as const;

/** The event for what libvirt tells; undefined for a kind of it that libvirt added later. */
export function domainEvent(
  type: DomainEventType,
  domain: EventDomain,
  values: readonly NativeEventValue[],
): DomainEvent | undefined {
  const number = (index: number) => {
    const value = values[index];
    return typeof value === 'number' ? value : -1;
  };
  const [first] = values;
  const text = typeof first === 'string' ? first : '';
  switch (type) {
    case 'lifecycle':
      return lifecycleEvent(domain, number(0), number(1));
    case 'reboot':
      return { type, domain };
    case 'agent-lifecycle': {
      const state = agentStates[number(0)];
      return state && { type, domain, state, reason: agentReasons[number(1)] ?? 'unknown' };
    }
    case 'block-job': {
      const status = blockJobStatuses[number(2)];
      const job = blockJobType(number(1));
      return status && { type, domain, disk: text, job, status };
    }
    case 'device-removed':
      return { type, domain, alias: text };
    case 'job-completed':
      return { type, domain, job: domainJob(typeof first === 'object' ? first : {}) };
  }
}

function lifecycleEvent(domain: EventDomain, kind: number, detail: number): DomainLifecycleEvent | undefined {
  const [event, details] = events[kind] ?? [];
  if (!event) return undefined;
  const detailName = nameOf<string>(details, detail)
    // VIR_DOMAIN_EVENT_STARTED_FROM_SNAPSHOT
    ?.slice(`VIR_DOMAIN_EVENT_${event}_`.length)
    .toLowerCase()
    .replaceAll('_', '-');
  return { type: 'lifecycle', domain, event, detail: detailName ?? `unknown-${detail}` };
}
