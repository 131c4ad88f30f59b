import type { Handle } from './handle.js';

/** A network as the addon gives it: what libvirt keeps in the reference itself, read without a call. */
export interface NativeNetwork {
  readonly handle: Handle<'network'>;
  readonly name: string;
  readonly uuid: string;
}

/** `virNetworkDHCPLease`: the expiry in seconds since 1970. */
export interface NativeDhcpLease {
  readonly interface: string | null;
  readonly expiry: number;
  readonly type: number;
  readonly mac: string | null;
  readonly iaid: string | null;
  readonly address: string | null;
  readonly prefix: number;
  readonly hostname: string | null;
  readonly clientId: string | null;
}

/** The calls on a network: native/calls/network.cc. */
export interface NetworkCalls {
  networkCreate(): undefined;
  networkDestroy(): undefined;
  networkUndefine(): undefined;
  networkGetXml(flags: number): string;
  networkIsActive(): boolean;
  networkIsPersistent(): boolean;
  networkGetAutostart(): boolean;
  networkSetAutostart(autostart: number): undefined;
  networkGetBridgeName(): string;
  networkGetDhcpLeases(mac: string | undefined): NativeDhcpLease[];
}
