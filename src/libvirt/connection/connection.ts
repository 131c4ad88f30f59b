import type { CallArguments, CallResult, Nouns } from '../addon/addon.js';
import type { Handle } from '../addon/handle.js';
import {
  checkFunction,
  checkOptionalBoolean,
  checkOptionalString,
  checkOptions,
  checkString,
  flagSet,
  flagsOf,
  type CallOptions,
} from '../arguments.js';
import { callOn } from '../call.js';
import {
  domainStatistics,
  statisticsTypes,
  type DomainStatistics,
  type StatisticsType,
} from '../domain/all-statistics.js';
import { Domain } from '../domain/domain.js';
import {
  virConnectGetAllDomainStatsFlags,
  virConnectListAllDomainsFlags,
  virDomainCreateFlags,
  virDomainDefineFlags,
} from '../enums/domain.js';
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
import { closedError } from '../error.js';
import type {
  DomainEvent,
  DomainEventOf,
  DomainEventType,
  DomainLifecycleEvent,
} from '../events/domain-event.js';
import {
  DomainEvents,
  checkEventFilter,
  type DomainEventFilter,
  type DomainEventsOptions,
} from '../events/domain-events.js';
import { subscribe, type EventSource } from '../events/subscribe.js';
import { Network } from '../network/network.js';
import { notify } from '../notify.js';
import { StoragePool, StorageVolume } from '../storage/storage.js';
import { CloseEvents, type CloseReason } from './close-events.js';

/** An open connection to libvirt; see `connect`. */
export class Connection {
  readonly #handle: Handle<'connection'>;
  readonly #closeEvents: CloseEvents;
  #closing: Promise<void> | undefined;

  /** Connections come from `connect`. */
  constructor(handle: Handle<'connection'>, closeEvents: CloseEvents) {
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
      await callOn(this.#handle, 'connectionClose', options);
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
    return this.#call('connectionGetUri', options);
  }

  /** The name of the driver: `QEMU`, `Test`. */
  async getType(options: CallOptions = {}): Promise<string> {
    return this.#call('connectionGetType', options);
  }

  /** The version of the hypervisor as major × 1,000,000 + minor × 1,000 + release. */
  async getVersion(options: CallOptions = {}): Promise<number> {
    return this.#call('connectionGetVersion', options);
  }

  /** The version of the libvirt at the other end, counted in the same way. */
  async getLibraryVersion(options: CallOptions = {}): Promise<number> {
    return this.#call('connectionGetLibraryVersion', options);
  }

  /** What the host can do, as XML. */
  async getCapabilities(options: CallOptions = {}): Promise<string> {
    return this.#call('connectionGetCapabilities', options);
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
    return this.#call('connectionGetDomainCapabilities', options, emulator, arch, machine, virtType);
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
    const flags = validateFlag(options, virDomainDefineFlags.VIR_DOMAIN_DEFINE_VALIDATE);
    return new Domain(await this.#call('connectionDefineDomain', options, xml, flags));
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
    const flags = validateFlag(options, virDomainCreateFlags.VIR_DOMAIN_START_VALIDATE);
    return new Domain(await this.#call('connectionCreateDomain', options, xml, flags));
  }

  /** @throws LibvirtError `VIR_ERR_NO_DOMAIN` */
  async lookupDomainByName(name: string, options: CallOptions = {}): Promise<Domain> {
    checkString('name', name);
    return new Domain(await this.#call('connectionLookupDomainByName', options, name));
  }

  /** @throws LibvirtError `VIR_ERR_NO_DOMAIN` */
  async lookupDomainByUuid(uuid: string, options: CallOptions = {}): Promise<Domain> {
    checkString('uuid', uuid);
    return new Domain(await this.#call('connectionLookupDomainByUuid', options, uuid));
  }

  /** All domains, or only those that run (`active`) or don't. */
  async listAllDomains(options: CallOptions & { active?: boolean | undefined } = {}): Promise<Domain[]> {
    const domains = await this.#call('connectionListAllDomains', options, activeDomains(options));
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
    const filter = activeDomains(options);
    const records = await this.#call('connectionGetAllDomainStats', options, types, flags | filter);
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
    // It refers to `this`, so that a connection somebody listens to is not collected as forgotten.
    const source: EventSource = {
      isClosed: () => this.closed,
      begin: (event, listener) => this.#call('subscribeDomainEvent', options, event, listener),
      end: (token) => callOn(this.#handle, 'unsubscribeDomainEvent', {}, token),
    };
    return subscribe(source, receive, options);
  }

  /** All storage pools, or only those that are started (`active`) or not. */
  async listAllStoragePools(
    options: CallOptions & { active?: boolean | undefined } = {},
  ): Promise<StoragePool[]> {
    const flags = activeFlag(
      options,
      virConnectListAllStoragePoolsFlags.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE,
      virConnectListAllStoragePoolsFlags.VIR_CONNECT_LIST_STORAGE_POOLS_INACTIVE,
    );
    const pools = await this.#call('connectionListAllStoragePools', options, flags);
    return pools.map((native) => new StoragePool(native));
  }

  /** @throws LibvirtError `VIR_ERR_NO_STORAGE_POOL` */
  async lookupStoragePoolByName(name: string, options: CallOptions = {}): Promise<StoragePool> {
    checkString('name', name);
    return new StoragePool(await this.#call('connectionLookupStoragePoolByName', options, name));
  }

  /** @throws LibvirtError `VIR_ERR_NO_STORAGE_POOL` */
  async lookupStoragePoolByUuid(uuid: string, options: CallOptions = {}): Promise<StoragePool> {
    checkString('uuid', uuid);
    return new StoragePool(await this.#call('connectionLookupStoragePoolByUuid', options, uuid));
  }

  /** The started pool whose target is this directory. @throws LibvirtError `VIR_ERR_NO_STORAGE_POOL` */
  async lookupStoragePoolByTargetPath(path: string, options: CallOptions = {}): Promise<StoragePool> {
    checkString('path', path);
    return new StoragePool(await this.#call('connectionLookupStoragePoolByTargetPath', options, path));
  }

  /** Defines a persistent storage pool, or redefines it; `validate` is true by default, as for domains. */
  async defineStoragePool(
    xml: string,
    options: CallOptions & { validate?: boolean | undefined } = {},
  ): Promise<StoragePool> {
    checkString('xml', xml);
    const flags = validateFlag(options, virStoragePoolDefineFlags.VIR_STORAGE_POOL_DEFINE_VALIDATE);
    return new StoragePool(await this.#call('connectionDefineStoragePool', options, xml, flags));
  }

  /** Starts a transient storage pool, which is gone when it stops; with `build` after building it. */
  async createStoragePool(
    xml: string,
    options: CallOptions & { build?: boolean | undefined } = {},
  ): Promise<StoragePool> {
    checkString('xml', xml);
    const flags = flagsOf(options, { build: virStoragePoolCreateFlags.VIR_STORAGE_POOL_CREATE_WITH_BUILD });
    return new StoragePool(await this.#call('connectionCreateStoragePool', options, xml, flags));
  }

  /** @throws LibvirtError `VIR_ERR_NO_STORAGE_VOL` */
  async lookupStorageVolumeByKey(key: string, options: CallOptions = {}): Promise<StorageVolume> {
    checkString('key', key);
    return new StorageVolume(await this.#call('connectionLookupStorageVolumeByKey', options, key));
  }

  /** @throws LibvirtError `VIR_ERR_NO_STORAGE_VOL` */
  async lookupStorageVolumeByPath(path: string, options: CallOptions = {}): Promise<StorageVolume> {
    checkString('path', path);
    return new StorageVolume(await this.#call('connectionLookupStorageVolumeByPath', options, path));
  }

  /** All networks, or only those that are started (`active`) or not. */
  async listAllNetworks(options: CallOptions & { active?: boolean | undefined } = {}): Promise<Network[]> {
    const flags = activeFlag(
      options,
      virConnectListAllNetworksFlags.VIR_CONNECT_LIST_NETWORKS_ACTIVE,
      virConnectListAllNetworksFlags.VIR_CONNECT_LIST_NETWORKS_INACTIVE,
    );
    const networks = await this.#call('connectionListAllNetworks', options, flags);
    return networks.map((native) => new Network(native));
  }

  /** @throws LibvirtError `VIR_ERR_NO_NETWORK` */
  async lookupNetworkByName(name: string, options: CallOptions = {}): Promise<Network> {
    checkString('name', name);
    return new Network(await this.#call('connectionLookupNetworkByName', options, name));
  }

  /** @throws LibvirtError `VIR_ERR_NO_NETWORK` */
  async lookupNetworkByUuid(uuid: string, options: CallOptions = {}): Promise<Network> {
    checkString('uuid', uuid);
    return new Network(await this.#call('connectionLookupNetworkByUuid', options, uuid));
  }

  /** Defines a persistent network, or redefines it; `validate` is true by default, as for domains. */
  async defineNetwork(
    xml: string,
    options: CallOptions & { validate?: boolean | undefined } = {},
  ): Promise<Network> {
    checkString('xml', xml);
    const flags = validateFlag(options, virNetworkDefineFlags.VIR_NETWORK_DEFINE_VALIDATE);
    return new Network(await this.#call('connectionDefineNetwork', options, xml, flags));
  }

  /** Starts a transient network, which is gone when it stops; `validate` is true by default. */
  async createNetwork(
    xml: string,
    options: CallOptions & { validate?: boolean | undefined } = {},
  ): Promise<Network> {
    checkString('xml', xml);
    const flags = validateFlag(options, virNetworkCreateFlags.VIR_NETWORK_CREATE_VALIDATE);
    return new Network(await this.#call('connectionCreateNetwork', options, xml, flags));
  }

  /**
   * Calls the listener once, when the connection breaks or is closed; soon if that has happened already.
   * Returns a function that takes the listener off.
   */
  onClose(listener: (reason: CloseReason) => void): () => void {
    checkFunction('listener', listener);
    return this.#closeEvents.add(listener);
  }

  #call<Name extends keyof Nouns['connection']>(
    name: Name,
    options: CallOptions,
    ...args: CallArguments<'connection', Name>
  ): Promise<CallResult<'connection', Name>> {
    if (this.#closing) throw closedError('connection');
    return callOn(this.#handle, name, options, ...args);
  }
}

/** Those that are active, those that are not, or all. */
function activeFlag(
  options: CallOptions & { active?: boolean | undefined },
  yes: number,
  no: number,
): number {
  checkOptions(options);
  const { active } = options;
  checkOptionalBoolean('active', active);
  if (active === undefined) return 0;
  return active ? yes : no;
}

/** The flags of the list of domains, which are those of their statistics as well. */
function activeDomains(options: CallOptions & { active?: boolean | undefined }): number {
  return activeFlag(
    options,
    virConnectListAllDomainsFlags.VIR_CONNECT_LIST_DOMAINS_ACTIVE,
    virConnectListAllDomainsFlags.VIR_CONNECT_LIST_DOMAINS_INACTIVE,
  );
}

function validateFlag(options: CallOptions & { validate?: boolean | undefined }, flag: number): number {
  checkOptions(options);
  const { validate } = options;
  checkOptionalBoolean('validate', validate);
  return validate === false ? 0 : flag;
}
