import type { Handle } from './handle.js';

/** A value of libvirt's `virTypedParameter`; 64-bit integers come as bigint. */
export type TypedValue = number | bigint | boolean | string;

/** By libvirt's field names, such as `cpu.time`. */
export type TypedParameters = Readonly<Record<string, TypedValue>>;

/** A domain as the addon gives it: what libvirt keeps in the reference itself, read without a call. */
export interface NativeDomain {
  readonly handle: Handle<'domain'>;
  readonly name: string;
  readonly uuid: string;
  readonly id: number | null;
}

/** `virDomainInfo`: memory in KiB, time in ns. */
export interface NativeDomainInfo {
  readonly state: number;
  readonly maxMemory: bigint;
  readonly memory: bigint;
  readonly vcpus: number;
  readonly cpuTime: bigint;
}

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

/** A value of an event. */
export type NativeEventValue = number | string | TypedParameters;

/** The calls on a domain: native/calls/domain*.cc and stream.cc. */
export interface DomainCalls {
  domainGetState(): [state: number, reason: number];
  domainGetInfo(): NativeDomainInfo;
  domainIsActive(): boolean;
  domainIsPersistent(): boolean;
  domainGetXml(flags: number): string;
  domainGetMetadata(type: number, uri: string | undefined, flags: number): string;
  domainSetMetadata(
    type: number,
    metadata: string | undefined,
    key: string | undefined,
    uri: string | undefined,
    flags: number,
  ): undefined;
  domainGetAutostart(): boolean;
  domainSetAutostart(autostart: number): undefined;
  domainGetMessages(flags: number): string[];
  domainRename(name: string, flags: number): undefined;
  domainUndefine(flags: number): undefined;

  domainCreate(flags: number): undefined;
  domainShutdown(flags: number): undefined;
  domainDestroy(flags: number): undefined;
  domainReboot(flags: number): undefined;
  domainReset(flags: number): undefined;
  domainSuspend(): undefined;
  domainResume(): undefined;
  domainManagedSave(flags: number): undefined;
  domainHasManagedSave(flags: number): boolean;
  domainRemoveManagedSave(flags: number): undefined;
  domainSendKey(codeset: number, holdTime: number, codes: readonly number[], flags: number): undefined;

  /** In KiB. */
  domainSetMemory(memory: bigint, flags: number): undefined;
  domainSetVcpus(count: number, flags: number): undefined;
  domainGetVcpus(flags: number): number;
  domainAttachDevice(xml: string, flags: number): undefined;
  domainDetachDevice(xml: string, flags: number): undefined;
  domainDetachDeviceAlias(alias: string, flags: number): undefined;
  domainUpdateDevice(xml: string, flags: number): undefined;

  domainAgentCommand(command: string, timeout: number, flags: number): string;
  domainInterfaceAddresses(source: number, flags: number): NativeInterface[];
  domainGetGuestInfo(types: number, flags: number): TypedParameters;
  domainGetHostname(flags: number): string;
  domainScreenshot(screen: number): { mimeType: string; data: Buffer };
  domainOpenConsole(device: string | undefined, flags: number): Handle<'stream'>;
  domainOpenChannel(name: string | undefined, flags: number): Handle<'stream'>;

  domainGetBlockInfo(disk: string, flags: number): { capacity: bigint; allocation: bigint; physical: bigint };
  domainBlockResize(disk: string, size: bigint, flags: number): undefined;
  domainGetBlockStats(disk: string, flags: number): TypedParameters;
  domainBlockCommit(
    disk: string,
    base: string | undefined,
    top: string | undefined,
    bandwidth: bigint,
    flags: number,
  ): undefined;
  domainGetBlockJobInfo(disk: string, flags: number): NativeBlockJob | null;
  domainBlockJobAbort(disk: string, flags: number): undefined;

  domainGetMemoryStats(flags: number): [tag: number, value: bigint][];
  domainGetJobStats(flags: number): [type: number, parameters: TypedParameters];
  domainAbortJob(): undefined;

  domainSnapshotCreate(xml: string, flags: number): string;
  domainSnapshotList(flags: number): string[];
  domainSnapshotCurrent(): string | null;
  domainSnapshotLookup(name: string, flags: number): undefined;
  domainSnapshotGetXml(name: string, flags: number): string;
  domainSnapshotRevert(name: string, flags: number): undefined;
  domainSnapshotDelete(name: string, flags: number): undefined;
}
