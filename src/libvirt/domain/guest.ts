import type { NativeInterface } from '../addon/domain.js';
import { checkInteger } from '../arguments.js';
import {
  virDomainChannelFlags,
  virDomainConsoleFlags,
  virDomainGetHostnameFlags,
  virDomainGuestInfoTypes,
  virDomainInterfaceAddressesSource,
} from '../enums/domain.js';
import { virIPAddrType } from '../enums/network.js';

/** Who is asked for addresses: libvirt's DHCP server, the agent in the guest, the host's ARP table. */
export type AddressSource = keyof typeof addressSources;

export const addressSources = {
  lease: virDomainInterfaceAddressesSource.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE,
  agent: virDomainInterfaceAddressesSource.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT,
  arp: virDomainInterfaceAddressesSource.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP,
} as const;

export const hostnameSources = {
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

export const infoTypes = {
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

/** As libvirt takes it. */
export function agentTimeout(timeout: unknown): number {
  if (timeout === undefined) return agentDefault;
  if (timeout === Infinity) return agentBlock;
  checkInteger('timeout', timeout, 'a whole number of seconds, Infinity or undefined', {
    maximum: 0x7fff_ffff,
  });
  return timeout;
}

export function domainInterface({ name, mac, addresses }: NativeInterface): DomainInterface {
  return {
    name,
    mac,
    addresses: addresses.map(({ type, ...address }) => ({
      family: type === virIPAddrType.VIR_IP_ADDR_TYPE_IPV6 ? 'ipv6' : 'ipv4',
      ...address,
    })),
  };
}

export const consoleFlags = {
  force: virDomainConsoleFlags.VIR_DOMAIN_CONSOLE_FORCE,
  safe: virDomainConsoleFlags.VIR_DOMAIN_CONSOLE_SAFE,
};

export const channelFlags = { force: virDomainChannelFlags.VIR_DOMAIN_CHANNEL_FORCE };
