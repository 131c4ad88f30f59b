import { argumentError, checkInteger, checkOptions, flagSet, oneOf, type CallOptions } from '../arguments.js';
import { DomainDevices } from './devices.js';
import {
  virDomainGetHostnameFlags,
  virDomainGuestInfoTypes,
  virDomainInterfaceAddressesSource,
} from '../enums/domain.js';
import { virIPAddrType } from '../enums/network.js';
import { guestInfo, type GuestInfo } from './guest-info.js';

/** Who is asked for addresses: libvirt's DHCP server, the agent in the guest, the host's ARP table. */
export type AddressSource = keyof typeof addressSources;

const addressSources = {
  lease: virDomainInterfaceAddressesSource.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE,
  agent: virDomainInterfaceAddressesSource.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT,
  arp: virDomainInterfaceAddressesSource.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP,
} as const;

const hostnameSources = {
  lease: virDomainGetHostnameFlags.VIR_DOMAIN_GET_HOSTNAME_LEASE,
  agent: virDomainGetHostnameFlags.VIR_DOMAIN_GET_HOSTNAME_AGENT,
} as const;

/** A network interface and its addresses. */
export interface DomainInterface {
  /** In the host (`vnet0`), or in the guest (`eth0`) when its agent was asked. */
  name: string;
  /** Null when it has none, as the guest's loopback. */
  mac: string | null;
  addresses: {
    family: 'ipv4' | 'ipv6';
    address: string;
    /** Bits of the network's prefix; 0 when the source does not know it. */
    prefix: number;
  }[];
}

/** A part of what the agent knows of the guest. */
export type GuestInfoType = keyof typeof infoTypes;

const infoTypes = {
  users: virDomainGuestInfoTypes.VIR_DOMAIN_GUEST_INFO_USERS,
  os: virDomainGuestInfoTypes.VIR_DOMAIN_GUEST_INFO_OS,
  timezone: virDomainGuestInfoTypes.VIR_DOMAIN_GUEST_INFO_TIMEZONE,
  hostname: virDomainGuestInfoTypes.VIR_DOMAIN_GUEST_INFO_HOSTNAME,
  filesystems: virDomainGuestInfoTypes.VIR_DOMAIN_GUEST_INFO_FILESYSTEM,
  disks: virDomainGuestInfoTypes.VIR_DOMAIN_GUEST_INFO_DISKS,
  interfaces: virDomainGuestInfoTypes.VIR_DOMAIN_GUEST_INFO_INTERFACES,
} as const;

/** A command of QEMU's guest agent, such as `{ execute: 'guest-ping' }`. */
export interface AgentCommand {
  execute: string;
  arguments?: Readonly<Record<string, unknown>> | undefined;
}

/** virDomainQemuAgentCommandTimeoutValues */
const agentBlock = -2;
const agentDefault = -1;

/** What only the guest, or somebody who watches it, can tell. */
export abstract class DomainGuest extends DomainDevices {
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
    const { timeout } = options;
    if (timeout !== undefined && timeout !== Infinity)
      checkInteger('timeout', timeout, 'a whole number of seconds, Infinity or undefined', {
        maximum: 0x7fff_ffff,
      });
    const seconds = timeout === Infinity ? agentBlock : (timeout ?? agentDefault);
    // JSON writes NUL characters as escapes, so that C sees the whole.
    const text = JSON.stringify(command);
    const answer = await this.call(options, (addon, handle, id) =>
      addon.domainAgentCommand(handle, text, seconds, 0, id),
    );
    return (JSON.parse(answer) as { return?: unknown }).return;
  }

  /** The addresses of its network interfaces; by default those that libvirt's DHCP server gave out. */
  async interfaceAddresses(
    options: CallOptions & { source?: AddressSource | undefined } = {},
  ): Promise<DomainInterface[]> {
    checkOptions(options);
    const source = oneOf('source', options.source ?? 'lease', addressSources);
    const interfaces = await this.call(options, (addon, handle, id) =>
      addon.domainInterfaceAddresses(handle, source, 0, id),
    );
    return interfaces.map(({ name, mac, addresses }) => ({
      name,
      mac,
      addresses: addresses.map(({ type, address, prefix }) => ({
        family: type === virIPAddrType.VIR_IP_ADDR_TYPE_IPV6 ? 'ipv6' : 'ipv4',
        address,
        prefix,
      })),
    }));
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
    return guestInfo(
      await this.call(options, (addon, handle, id) => addon.domainGetGuestInfo(handle, types, 0, id)),
    );
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
    return this.call(options, (addon, handle, id) => addon.domainScreenshot(handle, screen, id));
  }

  /** The host name of the guest, as the agent or libvirt's DHCP server knows it; by default the driver chooses. */
  async getHostname(options: CallOptions & { source?: 'agent' | 'lease' | undefined } = {}): Promise<string> {
    checkOptions(options);
    const { source } = options;
    const flags = source === undefined ? 0 : oneOf('source', source, hostnameSources);
    return this.call(options, (addon, handle, id) => addon.domainGetHostname(handle, flags, id));
  }
}
