import type { DomainCapabilities } from '../capabilities.js';
import { qemuNamespace } from '../namespace.js';
import { element, type XmlElement } from '../xml.js';

/** The address our forwarded ports listen on unless another is asked for: a VM must not be reachable from the network by having been run. */
export const forwardAddress = '127.0.0.1';
/** The guest's SSH port. */
export const guestSshPort = 22;
/** QEMU's id of our slirp network; tells it from what a user added. */
export const slirpId = 'podman-bootc';
/** The prefix that libvirt itself gives its QEMU namespace in what it dumps. */
export const qemuPrefix = 'qemu';

/**
 * Slot on the root bus for slirp's network card. libvirt knows nothing of a device in `<qemu:commandline>` and hands out
 * addresses as if it weren't there. Without an address the card gets the first slot that is left, which moves with every
 * device somebody adds (and the name of the guest's interface with it), and which libvirt gives away again at a hotplug.
 * libvirt fills the root bus from slot 1 with root ports, eight to a slot, and 0x1f is q35's own SATA: 0x10 is far from
 * both. The bus is called `pcie.0` on q35 and on "virt".
 */
export const slirpSlot = 0x10;

/** passt where libvirt has it, for it is part of the domain and virsh can see and change it; slirp elsewhere. */
export function chooseNetwork(c: DomainCapabilities): 'passt' | 'slirp' {
  return c.passt ? 'passt' : 'slirp';
}

/** User networking through passt, with these ports of the host forwarded to the guest's. libvirt 9.2 or newer. */
export function passtElement(forwards: readonly HostForward[]): XmlElement {
  return element(
    'interface',
    { type: 'user' },
    element('backend', { type: 'passt' }),
    ...forwards.map(({ protocol, address, port, guestPort }) =>
      element('portForward', { proto: protocol, address }, element('range', { start: port, to: guestPort })),
    ),
    element('model', { type: 'virtio' }),
  );
}

/** A port of the host that QEMU's slirp forwards to the guest. */
export interface HostForward {
  protocol: string;
  /** Empty: all of the host's IPv4 addresses. */
  address: string;
  port: number;
  /** Default: the guest's address. */
  guestAddress?: string;
  guestPort: number;
}

/** What slirp's network card is made of. */
export interface SlirpCard {
  forwards: HostForward[];
  /** Default: slot 0x10. */
  slot?: number;
  /** Default: QEMU's own. */
  mac?: string;
}

/**
 * `<qemu:commandline>` with user networking through slirp, for libvirt without passt: its own `<interface type='user'>`
 * can't forward ports there. The domain needs `xmlns:qemu` at its root.
 */
export function slirpElement(card: SlirpCard): XmlElement {
  return element(`${qemuPrefix}:commandline`, {}, ...slirpArguments(card, qemuPrefix));
}

/** Attribute that declares the prefix of `slirpElement`. */
export const qemuDeclaration = { [`xmlns:${qemuPrefix}`]: qemuNamespace };

/** The `<qemu:arg>` elements of a slirp network. None of the values holds a path or other text with a comma in it. */
export function slirpArguments({ forwards, slot = slirpSlot, mac }: SlirpCard, prefix: string): XmlElement[] {
  const network = ['user', `id=${slirpId}`, ...forwards.map((each) => `hostfwd=${hostForwardText(each)}`)];
  const device = ['virtio-net-pci', `netdev=${slirpId}`, 'bus=pcie.0', `addr=0x${slot.toString(16)}`];
  // An empty romfile: the card's boot ROM is of no use to a VM that boots from its disk.
  if (mac !== undefined) device.push(`mac=${mac}`);
  const values = ['-netdev', network.join(','), '-device', [...device, 'romfile='].join(',')];
  return values.map((value) => element(`${prefix}:arg`, { value }));
}

/** `tcp:127.0.0.1:2222-:22`, QEMU's syntax of `hostfwd`. */
export function hostForwardText({
  protocol,
  address,
  port,
  guestAddress = '',
  guestPort,
}: HostForward): string {
  return `${protocol}:${address}:${port}-${guestAddress}:${guestPort}`;
}

/** Reads QEMU's syntax of `hostfwd`; `undefined` for what isn't a port of the host to a port of the guest. */
export function parseHostForward(value: string): HostForward | undefined {
  const pattern =
    /^(?<protocol>tcp|udp|):(?<address>[^:]*):(?<port>[0-9]+)-(?<guestAddress>[^:]*):(?<guestPort>[0-9]+)$/;
  const found = pattern.exec(value)?.groups;
  if (found === undefined) return undefined;
  const { protocol = '', address = '', guestAddress = '' } = found;
  return {
    protocol: protocol === '' ? 'tcp' : protocol,
    address,
    guestAddress,
    port: Number(found.port),
    guestPort: Number(found.guestPort),
  };
}
