import type { Duplex } from 'node:stream';
import type { NativeDomain } from '../addon/domain.js';
import {
  argumentError,
  checkBoolean,
  checkInteger,
  checkOptionalString,
  checkOptions,
  checkSize,
  checkString,
  flagSet,
  flagsOf,
  oneOf,
  type CallOptions,
} from '../arguments.js';
import {
  virDomainBlockJobInfoFlags,
  virDomainBlockResizeFlags,
  virDomainMetadataType,
} from '../enums/domain.js';
import { isLibvirtError } from '../error.js';
import { Reference } from '../reference.js';
import { DeviceStream } from '../streams/device-stream.js';
import { withSignal } from '../streams/native-stream.js';
import {
  bandwidthInBytes,
  blockCommitFlags,
  blockJobAbortFlags,
  blockJobType,
  type BlockCommitOptions,
  type BlockInfo,
  type BlockJob,
} from './blocks.js';
import {
  messageFlags,
  undefineFlags,
  xmlFlags,
  type DomainInfo,
  type UndefineOptions,
} from './definition.js';
import {
  affect,
  memoryFlags,
  updateFlags,
  vcpuFlags,
  vcpuSetFlags,
  type AffectOptions,
  type VcpuOptions,
} from './devices.js';
import { guestInfo, type GuestInfo } from './guest-info.js';
import {
  addressSources,
  agentTimeout,
  channelFlags,
  consoleFlags,
  domainInterface,
  hostnameSources,
  infoTypes,
  type AddressSource,
  type AgentCommand,
  type DomainInterface,
  type GuestInfoType,
} from './guest.js';
import { domainJob, jobFlags, jobType, type DomainJob, type DomainJobType } from './job.js';
import {
  checkKeyCodes,
  codeSets,
  createFlags,
  destroyFlags,
  managedSaveFlags,
  rebootModes,
  shutdownModes,
  type KeyCodeSet,
  type ManagedSaveOptions,
  type RebootMode,
} from './power.js';
import {
  DomainSnapshot,
  snapshotCreateFlags,
  snapshotListFlags,
  type SnapshotCreateOptions,
  type SnapshotListOptions,
} from './snapshot.js';
import { stateAndReason, stateOf, type DomainStateAndReason } from './state.js';
import {
  blockStatistics,
  memoryStatistics,
  type BlockStatistics,
  type MemoryStatistics,
} from './statistics.js';

/** A reference to a domain of an open connection. Closing it does nothing to the domain itself. */
export class Domain extends Reference<'domain'> {
  /** In canonical form, with dashes. */
  readonly uuid: string;
  /** The number of the running domain when the reference was made; null when it was not running. */
  readonly id: number | null;
  #name: string;

  /** Domains come from a `Connection`. */
  constructor(native: NativeDomain) {
    super('domain', native.handle);
    this.#name = native.name;
    this.uuid = native.uuid;
    this.id = native.id;
  }

  /** The name when the reference was made, or the one that `rename` of this reference gave it. */
  get name(): string {
    return this.#name;
  }

  /** The state, and the reason for it. */
  async getState(options: CallOptions = {}): Promise<DomainStateAndReason> {
    const [state, reason] = await this.call('domainGetState', options);
    return stateAndReason(state, reason);
  }

  async getInfo(options: CallOptions = {}): Promise<DomainInfo> {
    const info = await this.call('domainGetInfo', options);
    return { ...info, state: stateOf(info.state) };
  }

  async isActive(options: CallOptions = {}): Promise<boolean> {
    return this.call('domainIsActive', options);
  }

  /** Whether it stays defined when it stops. */
  async isPersistent(options: CallOptions = {}): Promise<boolean> {
    return this.call('domainIsPersistent', options);
  }

  /**
   * The definition as XML: of the running domain if it runs, unless `inactive` asks for the persistent one.
   * `secure` includes passwords, which a read-only connection may not ask for; `migratable` leaves out what an
   * older libvirt would not understand.
   */
  async getXml(
    options: CallOptions & {
      inactive?: boolean | undefined;
      secure?: boolean | undefined;
      migratable?: boolean | undefined;
    } = {},
  ): Promise<string> {
    return this.call('domainGetXml', options, flagsOf(options, xmlFlags));
  }

  /** The metadata element of the namespace `uri`, as XML; null when the domain has none. */
  async getMetadata(uri: string, options: CallOptions & AffectOptions = {}): Promise<string | null> {
    checkString('uri', uri);
    const flags = flagsOf(options, affect);
    try {
      return await this.call('domainGetMetadata', options, metadataElement, uri, flags);
    } catch (error) {
      if (isLibvirtError(error, 'VIR_ERR_NO_DOMAIN_METADATA')) return null;
      throw error;
    }
  }

  /**
   * Sets the metadata element of the namespace `uri`, or removes it when `xml` is null. libvirt writes it with
   * the namespace prefix `key`.
   */
  async setMetadata(
    xml: string | null,
    options: CallOptions & AffectOptions & { key: string; uri: string },
  ): Promise<void> {
    if (xml !== null) checkString('xml', xml, 'a string or null');
    const flags = flagsOf(options, affect);
    const { key, uri } = options;
    checkString('key', key);
    checkString('uri', uri);
    // libvirt takes a prefix only with an element.
    const [element, prefix] = xml === null ? [] : [xml, key];
    await this.call('domainSetMetadata', options, metadataElement, element, prefix, uri, flags);
  }

  /** Removes the definition, with exactly what the options name. A running domain becomes transient. */
  async undefine(options: CallOptions & UndefineOptions = {}): Promise<void> {
    await this.call('domainUndefine', options, flagsOf(options, undefineFlags));
  }

  /**
   * Gives a domain that does not run another name.
   * @throws LibvirtError `VIR_ERR_OPERATION_INVALID` while it runs
   */
  async rename(name: string, options: CallOptions = {}): Promise<void> {
    checkString('name', name);
    await this.call('domainRename', options, name, 0);
    this.#name = name;
  }

  /** Whether it starts when the host, or libvirt, does. */
  async getAutostart(options: CallOptions = {}): Promise<boolean> {
    return this.call('domainGetAutostart', options);
  }

  async setAutostart(autostart: boolean, options: CallOptions = {}): Promise<void> {
    checkBoolean('autostart', autostart);
    await this.call('domainSetAutostart', options, Number(autostart));
  }

  /**
   * What libvirt has to say about it: what taints the running domain (a custom command line, say), and what in
   * its definition is deprecated. Sentences for people; both kinds unless one is named.
   */
  async getMessages(
    options: CallOptions & { taints?: boolean | undefined; deprecations?: boolean | undefined } = {},
  ): Promise<string[]> {
    return this.call('domainGetMessages', options, flagsOf(options, messageFlags));
  }

  /** Starts it. With `paused` its processors wait. */
  async create(options: CallOptions & { paused?: boolean | undefined } = {}): Promise<void> {
    await this.call('domainCreate', options, flagsOf(options, createFlags));
  }

  /** Asks the guest to shut down, and does not wait for it. The hypervisor chooses how unless `mode` says it. */
  async shutdown(
    options: CallOptions & { mode?: 'default' | 'acpi' | 'agent' | undefined } = {},
  ): Promise<void> {
    checkOptions(options);
    await this.call('domainShutdown', options, oneOf('mode', options.mode ?? 'default', shutdownModes));
  }

  /**
   * Stops it at once, as if the power were cut. With `graceful` libvirt fails rather than send SIGKILL to a
   * hypervisor process that does not react to SIGTERM.
   */
  async destroy(options: CallOptions & { graceful?: boolean | undefined } = {}): Promise<void> {
    await this.call('domainDestroy', options, flagsOf(options, destroyFlags));
  }

  /** Asks the guest to reboot, and does not wait for it. */
  async reboot(options: CallOptions & { mode?: RebootMode | undefined } = {}): Promise<void> {
    checkOptions(options);
    await this.call('domainReboot', options, oneOf('mode', options.mode ?? 'default', rebootModes));
  }

  /** Resets it like the button on a machine: the guest is not asked. */
  async reset(options: CallOptions = {}): Promise<void> {
    await this.call('domainReset', options, 0);
  }

  /** Pauses its processors; its memory stays where it is. */
  async suspend(options: CallOptions = {}): Promise<void> {
    await this.call('domainSuspend', options);
  }

  async resume(options: CallOptions = {}): Promise<void> {
    await this.call('domainResume', options);
  }

  /**
   * Writes its memory to a file that libvirt keeps, and stops it; the next start continues from there.
   * `abortJob` stops the saving, and an aborted signal does not.
   */
  async managedSave(options: CallOptions & ManagedSaveOptions = {}): Promise<void> {
    await this.call('domainManagedSave', options, flagsOf(options, managedSaveFlags));
  }

  async hasManagedSave(options: CallOptions = {}): Promise<boolean> {
    return this.call('domainHasManagedSave', options, 0);
  }

  /** Throws the saved memory away: the next start boots. */
  async removeManagedSave(options: CallOptions = {}): Promise<void> {
    await this.call('domainRemoveManagedSave', options, 0);
  }

  /**
   * Presses keys together, and releases them after `holdTime` in milliseconds (by default the hypervisor's
   * choice). `codes` are up to 16 numbers from the set of codes named, `linux` by default (`KEY_A` is 30).
   */
  async sendKey(
    codes: readonly number[],
    options: CallOptions & { codeSet?: KeyCodeSet | undefined; holdTime?: number | undefined } = {},
  ): Promise<void> {
    checkKeyCodes(codes);
    checkOptions(options);
    const codeSet = oneOf('codeSet', options.codeSet ?? 'linux', codeSets);
    const { holdTime = 0 } = options;
    checkInteger('holdTime', holdTime, 'a number of milliseconds below 2^31', { maximum: 0x7fff_ffff });
    await this.call('domainSendKey', options, codeSet, holdTime, codes, 0);
  }

  /**
   * Sets its memory in KiB: what the guest has, by its balloon, or with `maximum` the most it can have, which
   * mostly can't be changed while it runs.
   */
  async setMemory(
    memory: number | bigint,
    options: CallOptions & AffectOptions & { maximum?: boolean | undefined } = {},
  ): Promise<void> {
    const size = checkSize('memory', memory, 'a positive safe integer in KiB', { minimum: 1n });
    await this.call('domainSetMemory', options, size, flagsOf(options, memoryFlags));
  }

  async setVcpus(
    count: number,
    options: CallOptions & VcpuOptions & { hotpluggable?: boolean | undefined } = {},
  ): Promise<void> {
    // libvirt's own limit: it counts them in 16 bits on the wire.
    checkInteger('count', count, 'a number of processors from 1 to 65535', { minimum: 1, maximum: 0xffff });
    await this.call('domainSetVcpus', options, count, flagsOf(options, vcpuSetFlags));
  }

  async getVcpus(options: CallOptions & VcpuOptions = {}): Promise<number> {
    return this.call('domainGetVcpus', options, flagsOf(options, vcpuFlags));
  }

  /** Adds the device that the XML describes. */
  async attachDevice(xml: string, options: CallOptions & AffectOptions = {}): Promise<void> {
    checkString('xml', xml);
    await this.call('domainAttachDevice', options, xml, flagsOf(options, affect));
  }

  /**
   * Removes the device that the XML describes. Of a running domain the hypervisor is only asked to: on QEMU,
   * libvirt waits up to 5 s for it, and resolves all the same. The device is gone, also from the domain's XML, when
   * the event `device-removed` says so. A guest takes part in the removal of PCI devices and ignores the request while
   * nothing in it listens, as during its boot; ask again then. Any other device may be held back by a processor that
   * is busy, for long where it is emulated.
   */
  async detachDevice(xml: string, options: CallOptions & AffectOptions = {}): Promise<void> {
    checkString('xml', xml);
    await this.call('domainDetachDevice', options, xml, flagsOf(options, affect));
  }

  /** Does the same by the alias of the device, such as `net0` or one that begins with `ua-`, and never waits. */
  async detachDeviceByAlias(alias: string, options: CallOptions & AffectOptions = {}): Promise<void> {
    checkString('alias', alias);
    await this.call('domainDetachDeviceAlias', options, alias, flagsOf(options, affect));
  }

  /** Changes a device to what the XML describes; `force` takes a medium from a guest that locks it. */
  async updateDevice(
    xml: string,
    options: CallOptions & AffectOptions & { force?: boolean | undefined } = {},
  ): Promise<void> {
    checkString('xml', xml);
    await this.call('domainUpdateDevice', options, xml, flagsOf(options, updateFlags));
  }

  /**
   * Runs a command of QEMU's guest agent, and resolves with what it returns. `timeout` is in seconds: libvirt's
   * default is 5, 0 means not to wait for an agent that is busy, and Infinity to wait for ever.
   * @throws LibvirtError `VIR_ERR_AGENT_UNRESPONSIVE`, `VIR_ERR_AGENT_UNSYNCED`, and
   *   `VIR_ERR_ARGUMENT_UNSUPPORTED` where the domain has no channel for an agent
   */
  async agentCommand(
    command: AgentCommand,
    options: CallOptions & { timeout?: number | undefined } = {},
  ): Promise<unknown> {
    if (typeof command !== 'object' || typeof (command as AgentCommand | null)?.execute !== 'string')
      throw argumentError('command', 'an object with `execute`, a string', command);
    checkOptions(options);
    const seconds = agentTimeout(options.timeout);
    // JSON writes NUL characters as escapes, so that C sees the whole.
    const text = JSON.stringify(command);
    const answer = await this.call('domainAgentCommand', options, text, seconds, 0);
    return (JSON.parse(answer) as { return?: unknown }).return;
  }

  /** The addresses of its network interfaces; by default those that libvirt's DHCP server gave out. */
  async interfaceAddresses(
    options: CallOptions & { source?: AddressSource | undefined } = {},
  ): Promise<DomainInterface[]> {
    checkOptions(options);
    const source = oneOf('source', options.source ?? 'lease', addressSources);
    const interfaces = await this.call('domainInterfaceAddresses', options, source, 0);
    return interfaces.map(domainInterface);
  }

  /**
   * What the agent knows of the guest: the parts named, which fails when the agent lacks one of them, or all it
   * can tell.
   */
  async getGuestInfo(
    options: CallOptions & { types?: readonly GuestInfoType[] | undefined } = {},
  ): Promise<GuestInfo> {
    checkOptions(options);
    const types = flagSet('types', options.types, infoTypes);
    return guestInfo(await this.call('domainGetGuestInfo', options, types, 0));
  }

  /** The host name of the guest, as the agent or libvirt's DHCP server knows it; by default the driver chooses. */
  async getHostname(options: CallOptions & { source?: 'agent' | 'lease' | undefined } = {}): Promise<string> {
    checkOptions(options);
    const { source } = options;
    const flags = source === undefined ? 0 : oneOf('source', source, hostnameSources);
    return this.call('domainGetHostname', options, flags);
  }

  /**
   * A picture of what the guest shows, on the screen numbered `screen` (0 by default): PPM or PNG, as the
   * hypervisor makes it.
   */
  async screenshot(
    options: CallOptions & { screen?: number | undefined } = {},
  ): Promise<{ mimeType: string; data: Buffer }> {
    checkOptions(options);
    const { screen = 0 } = options;
    checkInteger('screen', screen, 'the number of a screen or undefined', { maximum: 0xffff_ffff });
    return this.call('domainScreenshot', options, screen);
  }

  /**
   * Its serial or paravirtual console: the first, or the one with the alias `device`. `force` takes it from whoever
   * has it; `safe` fails where libvirt can't make sure that nobody else does. What is read is what the guest wrote,
   * byte for byte; it is read only as fast as the stream is, but libvirt goes on taking what the guest writes into
   * memory. The stream ends when the domain stops; ending or destroying it lets go of the console. The signal also
   * destroys the stream later.
   */
  async openConsole(
    options: CallOptions & {
      device?: string | undefined;
      force?: boolean | undefined;
      safe?: boolean | undefined;
    } = {},
  ): Promise<Duplex> {
    checkOptions(options);
    const { device } = options;
    checkOptionalString('device', device);
    const flags = flagsOf(options, consoleFlags);
    return withSignal(
      options,
      new DeviceStream(await this.call('domainOpenConsole', options, device, flags)),
    );
  }

  /** A virtio channel: the first, or the one with the target name or alias `name`; otherwise like `openConsole`. */
  async openChannel(
    options: CallOptions & { name?: string | undefined; force?: boolean | undefined } = {},
  ): Promise<Duplex> {
    checkOptions(options);
    const { name } = options;
    checkOptionalString('name', name);
    const flags = flagsOf(options, channelFlags);
    return withSignal(options, new DeviceStream(await this.call('domainOpenChannel', options, name, flags)));
  }

  async getBlockInfo(disk: string, options: CallOptions = {}): Promise<BlockInfo> {
    checkString('disk', disk);
    return this.call('domainGetBlockInfo', options, disk, 0);
  }

  /** Makes a disk of a running domain larger, or smaller, to a size in bytes. */
  async resizeBlock(disk: string, size: number | bigint, options: CallOptions = {}): Promise<void> {
    checkString('disk', disk);
    const bytes = checkSize('size', size, 'a positive safe integer in bytes', { minimum: 1n });
    const { VIR_DOMAIN_BLOCK_RESIZE_BYTES: flags } = virDomainBlockResizeFlags;
    await this.call('domainBlockResize', options, disk, bytes, flags);
  }

  /** What a disk of a running domain has done; all of them together if `disk` is an empty string. */
  async getBlockStats(disk: string, options: CallOptions = {}): Promise<BlockStatistics> {
    checkString('disk', disk);
    return blockStatistics(await this.call('domainGetBlockStats', options, disk, 0));
  }

  /**
   * Begins to move the data of images into one below them, while the domain runs. Resolves when the job has
   * begun; the event `block-job` and `getBlockJob` tell how it goes.
   */
  async blockCommit(disk: string, options: CallOptions & BlockCommitOptions = {}): Promise<void> {
    checkString('disk', disk);
    checkOptions(options);
    const { base, top, bandwidth = 0 } = options;
    checkOptionalString('base', base);
    checkOptionalString('top', top);
    const limit = checkSize('bandwidth', bandwidth, 'a safe integer in bytes per second');
    const flags = flagsOf(options, blockCommitFlags) | bandwidthInBytes;
    await this.call('domainBlockCommit', options, disk, base, top, limit, flags);
  }

  /** The job on a disk; null when there is none. */
  async getBlockJob(disk: string, options: CallOptions = {}): Promise<BlockJob | null> {
    checkString('disk', disk);
    const { VIR_DOMAIN_BLOCK_JOB_INFO_BANDWIDTH_BYTES: flags } = virDomainBlockJobInfoFlags;
    const job = await this.call('domainGetBlockJobInfo', options, disk, flags);
    return job && { ...job, type: blockJobType(job.type) };
  }

  /**
   * Ends the job on a disk, and waits until it has ended unless `async` says not to. With `pivot` the domain
   * goes on with the image that the job has completed.
   */
  async abortBlockJob(
    disk: string,
    options: CallOptions & { pivot?: boolean | undefined; async?: boolean | undefined } = {},
  ): Promise<void> {
    checkString('disk', disk);
    await this.call('domainBlockJobAbort', options, disk, flagsOf(options, blockJobAbortFlags));
  }

  /** Memory of the running domain, as its balloon and the host tell. */
  async getMemoryStats(options: CallOptions = {}): Promise<MemoryStatistics> {
    return memoryStatistics(await this.call('domainGetMemoryStats', options, 0));
  }

  /** The job that keeps it busy, or with `completed` the last one that ended well; null when there is none. */
  async getJob(
    options: CallOptions & { completed?: boolean | undefined } = {},
  ): Promise<(DomainJob & { type: DomainJobType }) | null> {
    const [number, parameters] = await this.call('domainGetJobStats', options, flagsOf(options, jobFlags));
    const type = jobType(number);
    return type === undefined ? null : { type, ...domainJob(parameters) };
  }

  /** Ends the job that keeps it busy; the call that began it fails with `VIR_ERR_OPERATION_ABORTED`. */
  async abortJob(options: CallOptions = {}): Promise<void> {
    await this.call('domainAbortJob', options);
  }

  /** Makes a snapshot from a description; `<domainsnapshot/>` is one. */
  async createSnapshot(
    xml = '<domainsnapshot/>',
    options: CallOptions & SnapshotCreateOptions = {},
  ): Promise<DomainSnapshot> {
    checkString('xml', xml);
    checkOptions(options);
    const flags = flagsOf({ ...options, validate: options.validate ?? true }, snapshotCreateFlags);
    return this.#snapshot(await this.call('domainSnapshotCreate', options, xml, flags));
  }

  async listSnapshots(options: CallOptions & SnapshotListOptions = {}): Promise<DomainSnapshot[]> {
    const names = await this.call('domainSnapshotList', options, flagsOf(options, snapshotListFlags));
    return names.map((name) => this.#snapshot(name));
  }

  /** @throws LibvirtError `VIR_ERR_NO_DOMAIN_SNAPSHOT` */
  async lookupSnapshot(name: string, options: CallOptions = {}): Promise<DomainSnapshot> {
    checkString('name', name);
    await this.call('domainSnapshotLookup', options, name, 0);
    return this.#snapshot(name);
  }

  /** The snapshot that was made or reverted to last; null when there is none. */
  async getCurrentSnapshot(options: CallOptions = {}): Promise<DomainSnapshot | null> {
    const name = await this.call('domainSnapshotCurrent', options);
    return name === null ? null : this.#snapshot(name);
  }

  #snapshot(name: string): DomainSnapshot {
    return new DomainSnapshot(name, (call, options, ...args) => this.call(call, options, ...args));
  }
}

const { VIR_DOMAIN_METADATA_ELEMENT: metadataElement } = virDomainMetadataType;
