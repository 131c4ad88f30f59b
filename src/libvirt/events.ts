import {
  virDomainEventCrashedDetailType,
  virDomainEventDefinedDetailType,
  virDomainEventPMSuspendedDetailType,
  virDomainEventResumedDetailType,
  virDomainEventShutdownDetailType,
  virDomainEventStartedDetailType,
  virDomainEventStoppedDetailType,
  virDomainEventSuspendedDetailType,
  virDomainEventUndefinedDetailType,
} from './enums.js';
import { nameOf } from './names.js';

/** What happened to a domain. */
export interface DomainLifecycleEvent {
  readonly domain: { readonly name: string; readonly uuid: string };
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

/** The event for libvirt's numbers; undefined for a type that libvirt added later. */
export function lifecycleEvent(
  name: string,
  uuid: string,
  type: number,
  detail: number,
): DomainLifecycleEvent | undefined {
  const [event, details] = events[type] ?? [];
  if (!event) return undefined;
  const detailName = nameOf<string>(details, detail)
    // VIR_DOMAIN_EVENT_STARTED_FROM_SNAPSHOT
    ?.slice(`VIR_DOMAIN_EVENT_${event}_`.length)
    .toLowerCase()
    .replaceAll('_', '-');
  return { domain: { name, uuid }, event, detail: detailName ?? `unknown-${detail}` };
}
