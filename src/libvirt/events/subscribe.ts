import type { NativeEventValue } from '../addon/domain.js';
import { closedError } from '../error.js';
import { domainEvent, domainEventTypes, eventNumber, type DomainEvent } from './domain-event.js';
import type { DomainEventFilter } from './domain-events.js';

/** The connection that tells of events. */
export interface EventSource {
  isClosed(): boolean;
  /** Resolves with the token that ends it. */
  begin(
    event: number,
    listener: (name: string, uuid: string, values: readonly NativeEventValue[]) => void,
  ): Promise<bigint>;
  end(token: bigint): Promise<unknown>;
}

/** Subscribes to all the events that the filter lets through, or to none of them. */
export async function subscribe(
  source: EventSource,
  receive: (event: DomainEvent) => void,
  { domain, events = domainEventTypes }: DomainEventFilter,
): Promise<() => Promise<void>> {
  let subscribed = true;
  const tokens: bigint[] = [];
  const unsubscribe = async () => {
    if (!subscribed) return;
    subscribed = false;
    try {
      await Promise.all(tokens.map((token) => source.end(token)));
    } catch (error) {
      // Closing the connection has ended the subscription already.
      if (!source.isClosed()) throw error;
    }
  };
  const results = await Promise.allSettled(
    [...new Set(events)].map((type) =>
      source.begin(eventNumber(type), (name, uuid, values) => {
        if (!subscribed || source.isClosed() || (domain !== undefined && domain.uuid !== uuid)) return;
        const event = domainEvent(type, { name, uuid }, values);
        if (event) receive(event);
      }),
    ),
  );
  for (const result of results) if (result.status === 'fulfilled') tokens.push(result.value);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed || source.isClosed()) await unsubscribe();
  if (failed) throw failed.reason;
  if (source.isClosed()) throw closedError('connection');
  return unsubscribe;
}
