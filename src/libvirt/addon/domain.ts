import type { ConnectionHandle, DomainHandle, NativeDomain } from './addon.js';

/** A value of libvirt's `virTypedParameter`; 64-bit integers come as bigint. */
export type TypedValue = number | bigint | boolean | string;

/** By libvirt's field names, such as `cpu.time`. */
export type TypedParameters = Readonly<Record<string, TypedValue>>;

/** `virDomainInterface` */
export interface NativeInterface {
  readonly name: string;
  readonly mac: string | null;
  readonly addresses: readonly {
    readonly type: number;
    readonly address: string;
    readonly prefix: number;
  }[];
}

/** `virDomainBlockJobInfo` */
export interface NativeBlockJob {
  readonly type: number;
  readonly bandwidth: bigint;
  readonly current: bigint;
  readonly end: bigint;
}

/** The functions of native/domain_*.cc, each named after libvirt's; see `NativeAddon`. */
export interface DomainAddon {
  domainReboot(domain: DomainHandle, flags: number, id: number): Promise<undefined>;
  domainReset(domain: DomainHandle, flags: number, id: number): Promise<undefined>;
  domainSuspend(domain: DomainHandle, id: number): Promise<undefined>;
  domainResume(domain: DomainHandle, id: number): Promise<undefined>;
  domainManagedSave(domain: DomainHandle, flags: number, id: number): Promise<undefined>;
  domainHasManagedSave(domain: DomainHandle, flags: number, id: number): Promise<boolean>;
  domainRemoveManagedSave(domain: DomainHandle, flags: number, id: number): Promise<undefined>;
  domainRename(domain: DomainHandle, name: string, flags: number, id: number): Promise<undefined>;
  domainGetAutostart(domain: DomainHandle, id: number): Promise<boolean>;
  domainSetAutostart(domain: DomainHandle, autostart: number, id: number): Promise<undefined>;
  domainSendKey(
    domain: DomainHandle,
    codeset: number,
    holdTime: number,
    codes: readonly number[],
    flags: number,
    id: number,
  ): Promise<undefined>;
  domainGetMessages(domain: DomainHandle, flags: number, id: number): Promise<string[]>;

  domainSetMemory(domain: DomainHandle, memory: bigint, flags: number, id: number): Promise<undefined>;
  domainSetVcpus(domain: DomainHandle, count: number, flags: number, id: number): Promise<undefined>;
  domainGetVcpus(domain: DomainHandle, flags: number, id: number): Promise<number>;
  domainAttachDevice(domain: DomainHandle, xml: string, flags: number, id: number): Promise<undefined>;
  domainDetachDevice(domain: DomainHandle, xml: string, flags: number, id: number): Promise<undefined>;
  domainDetachDeviceAlias(domain: DomainHandle, alias: string, flags: number, id: number): Promise<undefined>;
  domainUpdateDevice(domain: DomainHandle, xml: string, flags: number, id: number): Promise<undefined>;

  domainAgentCommand(
    domain: DomainHandle,
    command: string,
    timeout: number,
    flags: number,
    id: number,
  ): Promise<string>;
  domainInterfaceAddresses(
    domain: DomainHandle,
    source: number,
    flags: number,
    id: number,
  ): Promise<NativeInterface[]>;
  domainGetGuestInfo(
    domain: DomainHandle,
    types: number,
    flags: number,
    id: number,
  ): Promise<TypedParameters>;
  domainGetHostname(domain: DomainHandle, flags: number, id: number): Promise<string>;

  domainScreenshot(
    domain: DomainHandle,
    screen: number,
    id: number,
  ): Promise<{ mimeType: string; data: Buffer }>;

  domainGetBlockInfo(
    domain: DomainHandle,
    disk: string,
    flags: number,
    id: number,
  ): Promise<{ capacity: bigint; allocation: bigint; physical: bigint }>;
  domainBlockResize(
    domain: DomainHandle,
    disk: string,
    size: bigint,
    flags: number,
    id: number,
  ): Promise<undefined>;
  domainGetBlockStats(
    domain: DomainHandle,
    disk: string,
    flags: number,
    id: number,
  ): Promise<TypedParameters>;
  domainBlockCommit(
    domain: DomainHandle,
    disk: string,
    base: string | undefined,
    top: string | undefined,
    bandwidth: bigint,
    flags: number,
    id: number,
  ): Promise<undefined>;
  domainGetBlockJobInfo(
    domain: DomainHandle,
    disk: string,
    flags: number,
    id: number,
  ): Promise<NativeBlockJob | null>;
  domainBlockJobAbort(domain: DomainHandle, disk: string, flags: number, id: number): Promise<undefined>;

  domainGetMemoryStats(
    domain: DomainHandle,
    flags: number,
    id: number,
  ): Promise<[tag: number, value: bigint][]>;
  domainGetJobStats(
    domain: DomainHandle,
    flags: number,
    id: number,
  ): Promise<[type: number, parameters: TypedParameters]>;
  domainAbortJob(domain: DomainHandle, id: number): Promise<undefined>;
  connectionGetAllDomainStats(
    connection: ConnectionHandle,
    stats: number,
    flags: number,
    id: number,
  ): Promise<[domain: NativeDomain, parameters: TypedParameters][]>;

  domainSnapshotCreate(domain: DomainHandle, xml: string, flags: number, id: number): Promise<string>;
  domainSnapshotList(domain: DomainHandle, flags: number, id: number): Promise<string[]>;
  domainSnapshotCurrent(domain: DomainHandle, id: number): Promise<string | null>;
  domainSnapshotLookup(domain: DomainHandle, name: string, flags: number, id: number): Promise<undefined>;
  domainSnapshotGetXml(domain: DomainHandle, name: string, flags: number, id: number): Promise<string>;
  domainSnapshotRevert(domain: DomainHandle, name: string, flags: number, id: number): Promise<undefined>;
  domainSnapshotDelete(domain: DomainHandle, name: string, flags: number, id: number): Promise<undefined>;
}
