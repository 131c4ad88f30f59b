import { argumentError, checkInteger, checkOptions, oneOf, type CallOptions } from '../arguments.js';
import { Domain } from '../domain/domain.js';
import { domainEventTypes, type DomainEvent, type DomainEventType } from './domain-event.js';

/** Which events are wanted; all by default. */
export interface DomainEventFilter<Type extends DomainEventType = DomainEventType> {
  events?: readonly Type[] | undefined;
  /** Only those of this domain. */
  domain?: Domain | undefined;
}

/** How many events wait for a reader. */
export interface DomainEventsOptions {
  /** From then on the oldest are dropped, and counted by a `lost` event. Default 1000. */
  limit?: number | undefined;
}

/** Takes the place of events that nobody read in time. */
export interface LostEvents {
  readonly type: 'lost';
  readonly count: number;
}

const typeTable = Object.fromEntries(domainEventTypes.map((type) => [type, type])) as Record<
  DomainEventType,
  DomainEventType
>;

export function checkEventFilter(options: CallOptions & DomainEventFilter): void {
  checkOptions(options);
  const { domain, events } = options as { domain?: unknown; events?: unknown };
  if (domain !== undefined && !(domain instanceof Domain))
    throw argumentError('domain', 'a Domain or undefined', domain);
  if (events === undefined) return;
  if (!Array.isArray(events) || events.length === 0)
    throw argumentError('events', 'an array of names that is not empty, or undefined', events);
  for (const [index, type] of events.entries()) oneOf(`events[${index}]`, type, typeTable);
}

type Subscribe<Event> = (receive: (event: Event) => void) => Promise<() => Promise<void>>;

/**
 * Events of domains as an async iterator.
 *
 * Events that come while nobody reads wait, up to a limit; then the oldest are dropped, and the next reading gets
 * `{ type: 'lost', count }` in their place: memory is bounded, and a reader that has to know everything knows
 * when to look at the domains anew. It ends when the connection is closed or breaks (`onClose` tells which), after
 * the events that wait; when its signal is aborted, with the signal's reason; and with `return()`, which leaving
 * the loop calls.
 *
 * A reading that waits keeps the process alive, as a timer would. An iterator that nobody reads does not, and when
 * it is garbage the subscription ends as well.
 */
export class DomainEvents<Event extends DomainEvent = DomainEvent> implements AsyncIterableIterator<
  Event | LostEvents,
  undefined
> {
  readonly #queue: EventQueue<Event>;

  /** They come from `Connection.domainEvents`. */
  private constructor(queue: EventQueue<Event>) {
    this.#queue = queue;
    forgotten.register(this, () => queue.end());
  }

  /** @internal */
  static start<Event extends DomainEvent>(
    options: CallOptions & DomainEventFilter & DomainEventsOptions,
    subscribe: (receive: (event: DomainEvent) => void) => Promise<() => Promise<void>>,
    onClose: (end: () => void) => () => void,
  ): DomainEvents<Event> {
    const queue = new EventQueue<Event>();
    try {
      checkEventFilter(options);
      const { limit = 1000, signal } = options;
      checkInteger('limit', limit, 'a positive safe integer or undefined', { minimum: 1 });
      queue.start(limit, signal, subscribe as Subscribe<Event>, onClose);
    } catch (error) {
      queue.fail(error);
    }
    return new DomainEvents(queue);
  }

  /** Resolves when libvirt has been told: from then on no event is missed. Reading does not have to wait for it. */
  async ready(): Promise<void> {
    await this.#queue.ready;
  }

  async next(): Promise<IteratorResult<Event | LostEvents, undefined>> {
    return this.#queue.next();
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    await this.#queue.end();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#queue.end();
  }
}

/** Ends the subscription of an iterator that was forgotten before it was read to its end. */
const forgotten = new FinalizationRegistry<() => Promise<void>>((end) => {
  void end();
});

/** setTimeout's longest delay. */
const longest = 0x7fff_ffff;

interface Reader<Event> {
  resolve: (result: IteratorResult<Event | LostEvents, undefined>) => void;
  reject: (reason: unknown) => void;
}

/** What the subscription refers to, so that it does not hold the iterator. */
class EventQueue<Event> {
  ready: Promise<void> = Promise.resolve();
  #limit = 0;
  #lost = 0;
  readonly #events: Event[] = [];
  readonly #readers: Reader<Event>[] = [];
  #ended = false;
  #failure: { readonly error: unknown } | undefined;
  #unsubscribe: (() => Promise<void>) | undefined;
  #keepAlive: NodeJS.Timeout | undefined;
  #release: () => void = () => undefined;

  start(
    limit: number,
    signal: AbortSignal | undefined,
    subscribe: Subscribe<Event>,
    onClose: (end: () => void) => () => void,
  ): void {
    this.#limit = limit;
    const abort = () => {
      this.#events.length = 0;
      this.fail(signal?.reason);
    };
    if (signal?.aborted) {
      abort();
      return;
    }
    signal?.addEventListener('abort', abort);
    let offClose: (() => void) | undefined;
    this.#release = () => {
      signal?.removeEventListener('abort', abort);
      offClose?.();
    };
    this.ready = subscribe((event) => {
      this.#push(event);
    }).then(
      async (unsubscribe) => {
        this.#unsubscribe = unsubscribe;
        if (this.#ended) await unsubscribe();
        // Not before: a connection that ends earlier fails the subscribing, which tells more.
        else offClose = onClose(() => void this.#stop());
      },
      (error: unknown) => {
        this.fail(error);
        throw error;
      },
    );
    // Whoever reads gets it as well.
    this.ready.catch(() => undefined);
  }

  next(): Promise<IteratorResult<Event | LostEvents, undefined>> {
    if (this.#lost > 0) {
      const count = this.#lost;
      this.#lost = 0;
      return Promise.resolve({ done: false, value: { type: 'lost', count } });
    }
    const event = this.#events.shift();
    if (event !== undefined) return Promise.resolve({ done: false, value: event });
    if (this.#failure) {
      const { error } = this.#failure;
      this.#failure = undefined;
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the reason of a signal is anything
      return Promise.reject(error);
    }
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    // Nothing else of the binding does while no call is in flight.
    this.#keepAlive ??= setInterval(() => undefined, longest);
    return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }));
  }

  /** Ends with an error for the next reader. */
  fail(error: unknown): void {
    if (this.#ended) return;
    this.#failure = { error };
    void this.#stop();
  }

  /** Ends, and forgets the events that wait. */
  async end(): Promise<void> {
    this.#events.length = 0;
    this.#lost = 0;
    this.#failure = undefined;
    await this.#stop();
  }

  #push(event: Event): void {
    if (this.#ended) return;
    const reader = this.#readers.shift();
    if (reader) {
      reader.resolve({ done: false, value: event });
      this.#relax();
      return;
    }
    if (this.#events.length >= this.#limit) {
      this.#events.shift();
      this.#lost++;
    }
    this.#events.push(event);
  }

  async #stop(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    this.#release();
    // Readers wait only when nothing else does.
    for (const { resolve, reject } of this.#readers.splice(0)) this.next().then(resolve, reject);
    this.#relax();
    try {
      await this.#unsubscribe?.();
    } catch {
      // The connection broke, and took the subscription with it.
    }
  }

  #relax(): void {
    if (this.#readers.length > 0) return;
    clearInterval(this.#keepAlive);
    this.#keepAlive = undefined;
  }
}
