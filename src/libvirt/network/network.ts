import type { NativeNetwork } from '../addon/network.js';
import { checkBoolean, checkOptionalString, checkOptions, flagsOf, type CallOptions } from '../arguments.js';
import { virIPAddrType, virNetworkXMLFlags } from '../enums/network.js';
import { Reference } from '../reference.js';

/** An address that a network's DHCP server has given away. */
export interface DhcpLease {
  /** The network's interface on the host. */
  interface: string | null;
  /** When it ends; null when it does not. */
  expires: Date | null;
  family: 'ipv4' | 'ipv6';
  mac: string | null;
  /** IPv6 alone. */
  iaid: string | null;
  address: string | null;
  /** The length of the network's prefix in bits. */
  prefix: number;
  hostname: string | null;
  /** The client's id, or with IPv6 its DUID. */
  clientId: string | null;
}

/** A reference to a network of an open connection. Closing it does nothing to the network itself. */
export class Network extends Reference<'network'> {
  readonly name: string;
  /** In canonical form, with dashes. */
  readonly uuid: string;

  /** Networks come from a `Connection`. */
  constructor(native: NativeNetwork) {
    super('network', native.handle);
    this.name = native.name;
    this.uuid = native.uuid;
  }

  /** The definition as XML; with `inactive` without what was added at run time. */
  async getXml(options: CallOptions & { inactive?: boolean | undefined } = {}): Promise<string> {
    const flags = flagsOf(options, { inactive: virNetworkXMLFlags.VIR_NETWORK_XML_INACTIVE });
    return this.call('networkGetXml', options, flags);
  }

  async isActive(options: CallOptions = {}): Promise<boolean> {
    return this.call('networkIsActive', options);
  }

  /** Whether it stays defined when it stops. */
  async isPersistent(options: CallOptions = {}): Promise<boolean> {
    return this.call('networkIsPersistent', options);
  }

  /** Whether it starts with libvirt. */
  async getAutostart(options: CallOptions = {}): Promise<boolean> {
    return this.call('networkGetAutostart', options);
  }

  async setAutostart(autostart: boolean, options: CallOptions = {}): Promise<void> {
    checkBoolean('autostart', autostart);
    await this.call('networkSetAutostart', options, Number(autostart));
  }

  /** The name of the bridge on the host; a network without one is refused. */
  async getBridgeName(options: CallOptions = {}): Promise<string> {
    return this.call('networkGetBridgeName', options);
  }

  /** The addresses given away: all, or those of the interface with this MAC address. */
  async getDhcpLeases(options: CallOptions & { mac?: string | undefined } = {}): Promise<DhcpLease[]> {
    checkOptions(options);
    const { mac } = options;
    checkOptionalString('mac', mac);
    const leases = await this.call('networkGetDhcpLeases', options, mac);
    return leases.map(({ expiry, type, ...lease }) => ({
      ...lease,
      expires: expiry === 0 ? null : new Date(expiry * 1000),
      family: type === virIPAddrType.VIR_IP_ADDR_TYPE_IPV6 ? 'ipv6' : 'ipv4',
    }));
  }

  /** Starts it. */
  async create(options: CallOptions = {}): Promise<void> {
    await this.call('networkCreate', options);
  }

  /** Stops it. */
  async destroy(options: CallOptions = {}): Promise<void> {
    await this.call('networkDestroy', options);
  }

  /** Removes the definition. A network that runs becomes transient. */
  async undefine(options: CallOptions = {}): Promise<void> {
    await this.call('networkUndefine', options);
  }
}
