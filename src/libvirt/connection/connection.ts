import type { ConnectionHandle, NativeAddon, NativeDomain } from '../addon/addon.js';
import {
  argumentError,
  checkFunction,
  checkInteger,
  checkOptionalBoolean,
  checkOptionalString,
  checkOptions,
  checkString,
  flagSet,
  flagsOf,
  type CallOptions,
} from '../arguments.js';
import { call } from '../call.js';
import { CloseEvents, type CloseReason } from './close-events.js';
import { CredentialsQuestions, type CredentialsCallback } from './credentials.js';
import {
  virConnectGetAllDomainStatsFlags,
  virConnectListAllDomainsFlags,
  virDomainCreateFlags,
  virDomainDefineFlags,
} from '../enums/domain.js';
import { virErrorDomain, virErrorLevel, virErrorNumber } from '../enums/error.js';
import {
  virConnectListAllNetworksFlags,
  virNetworkCreateFlags,
  virNetworkDefineFlags,
} from '../enums/network.js';
import {
  virConnectListAllStoragePoolsFlags,
  virStoragePoolCreateFlags,
  virStoragePoolDefineFlags,
} from '../enums/storage-pool.js';
import {
  DomainEvents,
  checkEventFilter,
  type DomainEventFilter,
  type DomainEventsOptions,
} from '../events/domain-events.js';
import {
  domainStatistics,
  statisticsTypes,
  type DomainStatistics,
  type StatisticsType,
} from '../domain/statistics.js';
import { Domain } from '../domain/domain.js';
import { addToFailure, closedError, isLibvirtError, LibvirtError } from '../error.js';
import {
  domainEvent,
  domainEventTypes,
  eventNumber,
  type DomainEvent,
  type DomainEventOf,
  type DomainEventType,
  type DomainLifecycleEvent,
  type NativeEventValue,
} from '../events/domain-event.js';
import { Network } from '../network/network.js';
import { notify } from '../notify.js';
import { StoragePool } from '../storage/storage-pool.js';
import { StorageVolume } from '../storage/storage-volume.js';
import { TimeLimit } from './time-limit.js';

/** How to connect. */
export interface ConnectOptions extends CallOptions {
  /** Refuse everything that changes something; needs no privileges on `qemu:///system`. Default false. */
  readOnly?: boolean | undefined;
  /**
   * Is asked for credentials when the server wants some; without it the connection fails then. It may be asked
   * more than once. libvirt looks into its own file of credentials first (`auth.conf`).
   */
  auth?: CredentialsCallback | undefined;
  /**
   * Milliseconds after which it is given up with `VIR_ERR_OPERATION_TIMEOUT`, at most 2³¹ − 1; libvirt itself waits for
   * as long as the server says nothing. Default 30,000; 120,000 over SSH, where somebody may have to type a password
   * (sshd's own limit). The time that `auth` takes does not count.
   */
  timeout?: number | undefined;
}

/** The transports that log in with SSH (`qemu+ssh:`), of all the names that libvirt has for them. */
const sshTransport = /^[^:/]*\+(ssh|libssh2?):/i;

/**
 * Opens a connection to libvirt: `qemu:///system` and `qemu:///session` on this host, `qemu+ssh://user@host/system`
 * on another one, `test:///default` for tests. Without `uri` libvirt chooses: `LIBVIRT_DEFAULT_URI`, its
 * configuration, or what it finds.
 *
 * Over SSH it is the program `ssh` that asks for passwords, on the terminal; `?no_tty=1` in the URI forbids it.
 *
 * A server that accepts and says nothing costs nobody else: at most 16 connections to one URI are opened at once, and
 * with 16 given up that still wait (`signal`, `timeout`) a further one fails with `VIR_ERR_RESOURCE_BUSY`. The same holds
 * for the calls on the connections to one URI, with 64 in the place of 16.
 * @throws LibvirtError `VIR_ERR_AUTH_FAILED`, `VIR_ERR_AUTH_CANCELLED`, `VIR_ERR_NO_CONNECT`,
 *   `VIR_ERR_OPERATION_TIMEOUT`, `VIR_ERR_RESOURCE_BUSY`, and `VIR_ERR_SYSTEM_ERROR` where there is no daemon
 */
export async function connect(uri?: string, options: ConnectOptions = {}): Promise<Connection> {
  checkOptionalString('uri', uri);
  checkOptions(options);
  const { readOnly = false, auth } = options;
  checkOptionalBoolean('readOnly', readOnly);
  if (auth !== undefined && typeof auth !== 'function')
    throw argumentError('auth', 'a function or undefined', auth);
  const server = uri ?? process.env.LIBVIRT_DEFAULT_URI;
  const { timeout = sshTransport.test(server ?? '') ? 120_000 : 30_000 } = options;
  checkInteger('timeout', timeout, 'a number of milliseconds from 1 to 2147483647, or undefined', {
    minimum: 1,
    maximum: 0x7fff_ffff,
  });
  const closeEvents = new CloseEvents();
  const time = new TimeLimit(timeout);
  const questions = auth && new CredentialsQuestions(time.pausing(auth));
  try {
    const handle = await call(
      options,
      (addon, id) =>
        questions
          ? addon.connectionOpenAuth(uri, readOnly, closeEvents.end, questions.ask, id)
          : addon.connectionOpen(uri, readOnly, closeEvents.end, id).catch(nobodyWasAsked),
      { time, reason: () => timeoutError(server, timeout) },
    );
    return new Connection(handle, closeEvents);
  } catch (error) {
    if (questions?.failure && isLibvirtError(error)) throw questions.failure.error;
    throw error;
  }
}

function timeoutError(server: string | undefined, timeout: number): LibvirtError {
  return new LibvirtError({
    number: virErrorNumber.VIR_ERR_OPERATION_TIMEOUT,
    domain: virErrorDomain.VIR_FROM_NONE,
    level: virErrorLevel.VIR_ERR_ERROR,
    message: `libvirt${server ? ` at ${server}` : ''} does not answer: there is no connection after ${timeout / 1000} s`,
    api: 'virConnectOpenAuth',
  });
}

/** libvirt says that it has no mechanism, and not why: most need somebody to ask. */
function nobodyWasAsked(thrown: unknown): never {
  throw addToFailure(
    thrown,
    virErrorNumber.VIR_ERR_AUTH_FAILED,
    '; `auth`, a function that gives credentials, was not passed to connect()',
  );
}

/** An open connection to libvirt; see `connect`. */
export class Connection {
  readonly #handle: ConnectionHandle;
  readonly #closeEvents: CloseEvents;
  #closing: Promise<void> | undefined;

  /** Connections come from `connect`. */
  constructor(handle: ConnectionHandle, closeEvents: CloseEvents) {
    this.#handle = handle;
    this.#closeEvents = closeEvents;
  }

  /** Whether `close` was called. A connection that broke is not closed, but every call on it fails. */
  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /**
   * Ends all subscriptions, waits for the calls in flight, frees the domains, and closes. A call that was
   * aborted is not waited for; then the connection is closed behind it. Closing again is the same closing.
   */
  async close(options: CallOptions = {}): Promise<void> {
    checkOptions(options);
    this.#closing ??= this.#close(options);
    return this.#closing;
  }

  async #close(options: CallOptions): Promise<void> {
    const { signal } = options;
    try {
      await call(options, (addon, id) => addon.connectionClose(this.#handle, id));
    } catch (error) {
      // What was begun goes on; whoever closes again has nothing left to do.
      if (signal?.aborted) this.#closing = Promise.resolve();
      throw error;
    } finally {
      this.#closeEvents.end('client');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** The URI in full, also when libvirt chose it. */
  async getUri(options: CallOptions = {}): Promise<string> {
    return this.#call(options, (addon, handle, id) => addon.connectionGetUri(handle, id));
  }

  /** The name of the driver: `QEMU`, `Test`. */
  async getType(options: CallOptions = {}): Promise<string> {
    return this.#call(options, (addon, handle, id) => addon.connectionGetType(handle, id));
  }

  /** The version of the hypervisor as major × 1,000,000 + minor × 1,000 + release. */
  async getVersion(options: CallOptions = {}): Promise<number> {
    return this.#call(options, (addon, handle, id) => addon.connectionGetVersion(handle, id));
  }

  /** The version of the libvirt at the other end, counted in the same way. */
  async getLibraryVersion(options: CallOptions = {}): Promise<number> {
    return this.#call(options, (addon, handle, id) => addon.connectionGetLibraryVersion(handle, id));
  }

  /** What the host can do, as XML. */
  async getCapabilities(options: CallOptions = {}): Promise<string> {
    return this.#call(options, (addon, handle, id) => addon.connectionGetCapabilities(handle, id));
  }

  /** What a domain of this kind can have, as XML. libvirt fills in what is not given. */
  async getDomainCapabilities(
    options: CallOptions & {
      emulator?: string | undefined;
      arch?: string | undefined;
      machine?: string | undefined;
      virtType?: string | undefined;
    } = {},
  ): Promise<string> {
    checkOptions(options);
    const { emulator, arch, machine, virtType } = options;
    for (const [name, value] of Object.entries({ emulator, arch, machine, virtType }))
      checkOptionalString(name, value);
    return this.#call(options, (addon, handle, id) =>
      addon.connectionGetDomainCapabilities(handle, emulator, arch, machine, virtType, id),
    );
  }

  /**
   * Defines a persistent domain, or redefines the one with the same name and UUID. By default libvirt validates
   * the XML against its schema.
   */
  async defineDomain(
    xml: string,
    options: CallOptions & { validate?: boolean | undefined } = {},
  ): Promise<Domain> {
    checkString('xml', xml);
    checkOptions(options);
    const { validate } = options;
    checkOptionalBoolean('validate', validate);
    const flags = validate === false ? 0 : virDomainDefineFlags.VIR_DOMAIN_DEFINE_VALIDATE;
    return this.#domain(options, (addon, handle, id) => addon.connectionDefineDomain(handle, xml, flags, id));
  }

  /**
   * Starts a transient domain: one without a definition, which is gone when it stops. By default libvirt validates the
   * XML against its schema. Of a persistent domain that is shut off and has the same name and UUID it starts that one, for
   * once with this XML.
   * @throws LibvirtError `VIR_ERR_OPERATION_FAILED` when there is another one of that name, or it runs already
   */
  async createDomain(
    xml: string,
    options: CallOptions & { validate?: boolean | undefined } = {},
  ): Promise<Domain> {
    checkString('xml', xml);
    checkOptions(options);
    const { validate } = options;
    checkOptionalBoolean('validate', validate);
    const flags = validate === false ? 0 : virDomainCreateFlags.VIR_DOMAIN_START_VALIDATE;
    return this.#domain(options, (addon, handle, id) => addon.connectionCreateDomain(handle, xml, flags, id));
  }

  /** @throws LibvirtError `VIR_ERR_NO_DOMAIN` */
  async lookupDomainByName(name: string, options: CallOptions = {}): Promise<Domain> {
    checkString('name', name);
    return this.#domain(options, (addon, handle, id) => addon.connectionLookupDomainByName(handle, name, id));
  }

  /** @throws LibvirtError `VIR_ERR_NO_DOMAIN` */
  async lookupDomainByUuid(uuid: string, options: CallOptions = {}): Promise<Domain> {
    checkString('uuid', uuid);
    return this.#domain(options, (addon, handle, id) => addon.connectionLookupDomainByUuid(handle, uuid, id));
  }

  /** All domains, or only those that run (`active`) or don't. */
  async listAllDomains(options: CallOptions & { active?: boolean | undefined } = {}): Promise<Domain[]> {
    checkOptions(options);
    const flags = activeFlag(options.active);
    const domains = await this.#call(options, (addon, handle, id) =>
      addon.connectionListAllDomains(handle, flags, id),
    );
    return domains.map((native) => new Domain(native));
  }

  /**
   * Statistics of all domains, or only of those that run (`active`) or don't, in one call. With `types` only the
   * kinds named, otherwise all the driver has. `backing` includes the images below each disk's; `noWait` leaves
   * out what a domain that is busy can't tell at once.
   */
  async getAllDomainStats(
    options: CallOptions & {
      types?: readonly StatisticsType[] | undefined;
      active?: boolean | undefined;
      backing?: boolean | undefined;
      noWait?: boolean | undefined;
    } = {},
  ): Promise<DomainStatistics[]> {
    checkOptions(options);
    const types = flagSet('types', options.types, statisticsTypes);
    const flags = flagsOf(options, {
      backing: virConnectGetAllDomainStatsFlags.VIR_CONNECT_GET_ALL_DOMAINS_STATS_BACKING,
      noWait: virConnectGetAllDomainStatsFlags.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT,
    });
    // The filters are those of the list of domains.
    const filter = activeFlag(options.active);
    const records = await this.#call(options, (addon, handle, id) =>
      addon.connectionGetAllDomainStats(handle, types, flags | filter, id),
    );
    return records.map(([native, parameters]) => domainStatistics(new Domain(native), parameters));
  }

  /**
   * Calls the listener when something happens to a domain: to any, or to the one given; all kinds of events, or
   * those named. From the moment the promise resolves no event is missed. It does not keep the process alive,
   * and ends with the connection or with a call of the function it resolves with. The signal can give up the
   * subscribing, and does nothing later.
   */
  async onDomainEvent<Type extends DomainEventType = DomainEventType>(
    listener: (event: DomainEventOf<Type>) => void,
    options: CallOptions & DomainEventFilter<Type> = {},
  ): Promise<() => Promise<void>> {
    checkFunction('listener', listener);
    checkEventFilter(options);
    return this.#subscribe((event) => {
      notify(listener, event as DomainEventOf<Type>);
    }, options);
  }

  /** As `onDomainEvent`, for the lifecycle alone. */
  async onDomainLifecycle(
    listener: (event: DomainLifecycleEvent) => void,
    options: CallOptions & { domain?: Domain | undefined } = {},
  ): Promise<() => Promise<void>> {
    checkOptions(options);
    return this.onDomainEvent(listener, { ...options, events: ['lifecycle'] });
  }

  /**
   * The same events, to be read one after the other: `for await (const event of connection.domainEvents())`.
   * libvirt is asked for them at once and until the reading ends: by leaving the loop, by the signal, or with the
   * connection. See `DomainEvents` for what happens while nobody reads. A wrong argument rejects the first
   * reading.
   */
  domainEvents<Type extends DomainEventType = DomainEventType>(
    options: CallOptions & DomainEventFilter<Type> & DomainEventsOptions = {},
  ): DomainEvents<DomainEventOf<Type>> {
    // Here, so that a wrong receiver throws.
    const closeEvents = this.#closeEvents;
    return DomainEvents.start(
      options,
      (receive) => this.#subscribe(receive, options),
      (end) => closeEvents.add(end),
    );
  }

  async #subscribe(
    receive: (event: DomainEvent) => void,
    options: CallOptions & DomainEventFilter,
  ): Promise<() => Promise<void>> {
    const { domain, events = domainEventTypes } = options;
    let subscribed = true;
    const tokens: bigint[] = [];
    const unsubscribe = async () => {
      if (!subscribed) return;
      subscribed = false;
      try {
        await Promise.all(
          tokens.map((token) =>
            call({}, (addon, id) => addon.unsubscribeDomainEvent(this.#handle, token, id)),
          ),
        );
      } catch (error) {
        // Closing the connection has ended the subscription already.
        if (!this.closed) throw error;
      }
    };
    const results = await Promise.allSettled(
      [...new Set(events)].map((type) => {
        // Refers to `this`, so that a connection somebody listens to is not collected as forgotten.
        const listener = (name: string, uuid: string, values: readonly NativeEventValue[]) => {
          if (!subscribed || this.closed || (domain !== undefined && domain.uuid !== uuid)) return;
          const event = domainEvent(type, { name, uuid }, values);
          if (event) receive(event);
        };
        return this.#call(options, (addon, handle, id) =>
          addon.subscribeDomainEvent(handle, eventNumber(type), listener, id),
        );
      }),
    );
    for (const result of results) if (result.status === 'fulfilled') tokens.push(result.value);
    const failed = results.find((result) => result.status === 'rejected');
    if (failed || this.closed) await unsubscribe();
    if (failed) throw failed.reason;
    if (this.closed) throw closedError('connection');
    return unsubscribe;
  }

  /** All storage pools, or only those that are started (`active`) or not. */
  async listAllStoragePools(
    options: CallOptions & { active?: boolean | undefined } = {},
  ): Promise<StoragePool[]> {
    checkOptions(options);
    const flags = activeFlags(
      options.active,
      virConnectListAllStoragePoolsFlags.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE,
      virConnectListAllStoragePoolsFlags.VIR_CONNECT_LIST_STORAGE_POOLS_INACTIVE,
    );
    const pools = await this.#call(options, (addon, handle, id) =>
      addon.connectionListAllStoragePools(handle, flags, id),
    );
    return pools.map((native) => new StoragePool(native));
  }

  /** @throws LibvirtError `VIR_ERR_NO_STORAGE_POOL` */
  async lookupStoragePoolByName(name: string, options: CallOptions = {}): Promise<StoragePool> {
    checkString('name', name);
    return new StoragePool(
      await this.#call(options, (addon, handle, id) =>
        addon.connectionLookupStoragePoolByName(handle, name, id),
      ),
    );
  }

  /** @throws LibvirtError `VIR_ERR_NO_STORAGE_POOL` */
  async lookupStoragePoolByUuid(uuid: string, options: CallOptions = {}): Promise<StoragePool> {
    checkString('uuid', uuid);
    return new StoragePool(
      await this.#call(options, (addon, handle, id) =>
        addon.connectionLookupStoragePoolByUuid(handle, uuid, id),
      ),
    );
  }

  /** The started pool whose target is this directory. @throws LibvirtError `VIR_ERR_NO_STORAGE_POOL` */
  async lookupStoragePoolByTargetPath(path: string, options: CallOptions = {}): Promise<StoragePool> {
    checkString('path', path);
    return new StoragePool(
      await this.#call(options, (addon, handle, id) =>
        addon.connectionLookupStoragePoolByTargetPath(handle, path, id),
      ),
    );
  }

  /** Defines a persistent storage pool, or redefines it; `validate` is true by default, as for domains. */
  async defineStoragePool(
    xml: string,
    options: CallOptions & { validate?: boolean | undefined } = {},
  ): Promise<StoragePool> {
    checkString('xml', xml);
    const flags = validateFlag(options, virStoragePoolDefineFlags.VIR_STORAGE_POOL_DEFINE_VALIDATE);
    return new StoragePool(
      await this.#call(options, (addon, handle, id) =>
        addon.connectionDefineStoragePool(handle, xml, flags, id),
      ),
    );
  }

  /** Starts a transient storage pool, which is gone when it stops; with `build` after building it. */
  async createStoragePool(
    xml: string,
    options: CallOptions & { build?: boolean | undefined } = {},
  ): Promise<StoragePool> {
    checkString('xml', xml);
    checkOptions(options);
    const flags = flagsOf(options, { build: virStoragePoolCreateFlags.VIR_STORAGE_POOL_CREATE_WITH_BUILD });
    return new StoragePool(
      await this.#call(options, (addon, handle, id) =>
        addon.connectionCreateStoragePool(handle, xml, flags, id),
      ),
    );
  }

  /** @throws LibvirtError `VIR_ERR_NO_STORAGE_VOL` */
  async lookupStorageVolumeByKey(key: string, options: CallOptions = {}): Promise<StorageVolume> {
    checkString('key', key);
    return new StorageVolume(
      await this.#call(options, (addon, handle, id) =>
        addon.connectionLookupStorageVolumeByKey(handle, key, id),
      ),
    );
  }

  /** @throws LibvirtError `VIR_ERR_NO_STORAGE_VOL` */
  async lookupStorageVolumeByPath(path: string, options: CallOptions = {}): Promise<StorageVolume> {
    checkString('path', path);
    return new StorageVolume(
      await this.#call(options, (addon, handle, id) =>
        addon.connectionLookupStorageVolumeByPath(handle, path, id),
      ),
    );
  }

  /** All networks, or only those that are started (`active`) or not. */
  async listAllNetworks(options: CallOptions & { active?: boolean | undefined } = {}): Promise<Network[]> {
    checkOptions(options);
    const flags = activeFlags(
      options.active,
      virConnectListAllNetworksFlags.VIR_CONNECT_LIST_NETWORKS_ACTIVE,
      virConnectListAllNetworksFlags.VIR_CONNECT_LIST_NETWORKS_INACTIVE,
    );
    const networks = await this.#call(options, (addon, handle, id) =>
      addon.connectionListAllNetworks(handle, flags, id),
    );
    return networks.map((native) => new Network(native));
  }

  /** @throws LibvirtError `VIR_ERR_NO_NETWORK` */
  async lookupNetworkByName(name: string, options: CallOptions = {}): Promise<Network> {
    checkString('name', name);
    return new Network(
      await this.#call(options, (addon, handle, id) => addon.connectionLookupNetworkByName(handle, name, id)),
    );
  }

  /** @throws LibvirtError `VIR_ERR_NO_NETWORK` */
  async lookupNetworkByUuid(uuid: string, options: CallOptions = {}): Promise<Network> {
    checkString('uuid', uuid);
    return new Network(
      await this.#call(options, (addon, handle, id) => addon.connectionLookupNetworkByUuid(handle, uuid, id)),
    );
  }

  /** Defines a persistent network, or redefines it; `validate` is true by default, as for domains. */
  async defineNetwork(
    xml: string,
    options: CallOptions & { validate?: boolean | undefined } = {},
  ): Promise<Network> {
    checkString('xml', xml);
    const flags = validateFlag(options, virNetworkDefineFlags.VIR_NETWORK_DEFINE_VALIDATE);
    return new Network(
      await this.#call(options, (addon, handle, id) => addon.connectionDefineNetwork(handle, xml, flags, id)),
    );
  }

  /** Starts a transient network, which is gone when it stops; `validate` is true by default. */
  async createNetwork(
    xml: string,
    options: CallOptions & { validate?: boolean | undefined } = {},
  ): Promise<Network> {
    checkString('xml', xml);
    const flags = validateFlag(options, virNetworkCreateFlags.VIR_NETWORK_CREATE_VALIDATE);
    return new Network(
      await this.#call(options, (addon, handle, id) => addon.connectionCreateNetwork(handle, xml, flags, id)),
    );
  }

  /**
   * Calls the listener once, when the connection breaks or is closed; soon if that has happened already.
   * Returns a function that takes the listener off.
   */
  onClose(listener: (reason: CloseReason) => void): () => void {
    checkFunction('listener', listener);
    return this.#closeEvents.add(listener);
  }

  async #domain(
    options: CallOptions,
    start: (addon: NativeAddon, handle: ConnectionHandle, id: number) => Promise<NativeDomain>,
  ): Promise<Domain> {
    return new Domain(await this.#call(options, start));
  }

  #call<T>(
    options: CallOptions,
    start: (addon: NativeAddon, handle: ConnectionHandle, id: number) => Promise<T>,
  ): Promise<T> {
    if (this.#closing) throw closedError('connection');
    return call(options, (addon, id) => start(addon, this.#handle, id));
  }
}

function activeFlag(active: unknown): number {
  checkOptionalBoolean('active', active);
  if (active === undefined) return 0;
  return active
    ? virConnectListAllDomainsFlags.VIR_CONNECT_LIST_DOMAINS_ACTIVE
    : virConnectListAllDomainsFlags.VIR_CONNECT_LIST_DOMAINS_INACTIVE;
}

function activeFlags(active: unknown, yes: number, no: number): number {
  checkOptionalBoolean('active', active);
  if (active === undefined) return 0;
  return active ? yes : no;
}

function validateFlag(options: CallOptions & { validate?: boolean | undefined }, flag: number): number {
  checkOptions(options);
  const { validate } = options;
  checkOptionalBoolean('validate', validate);
  return validate === false ? 0 : flag;
}

/** The version of the libvirt client library, as major × 1,000,000 + minor × 1,000 + release. */
export async function libraryVersion(options: CallOptions = {}): Promise<number> {
  return call(options, (addon, id) => addon.libraryVersion(id));
}
