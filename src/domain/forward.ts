import {
  guestSshPort,
  hostForwardText,
  parseHostForward,
  slirpId,
  type HostForward,
} from './devices/network.js';
import { isInNamespace, qemuNamespace } from './namespace.js';
import type { PublishedPort } from './ports.js';
import { child, children, elements, type XmlElement } from './xml.js';

/** The place in a domain that forwards a port of the host to the guest's SSH port. */
export interface SshForward {
  /** The port of the host. */
  port: number;
  /** Whether it is ours by its name (slirp), or has the form in which we write it (passt). */
  ours: boolean;
  /** Changes the port in place. `undefined` where the forward is part of a longer range of ports. */
  set?: (port: number) => void;
}

/**
 * The ports of the host that lead to the guest, without the one that is its SSH port. What is no single port of an IPv4
 * address is left out.
 */
export function findPublishedPorts(domain: XmlElement, recorded: number | undefined): PublishedPort[] {
  const ssh = findSshForward(domain, recorded)?.port;
  const forwards = [
    ...passtInterfaces(domain).flatMap((each) => asHostForwards(each) ?? []),
    ...slirpNetworks(domain).flatMap((each) =>
      splitOptions(each.attributes.value ?? '').flatMap((option) =>
        option.startsWith('hostfwd=') ? (parseHostForward(option.slice('hostfwd='.length)) ?? []) : [],
      ),
    ),
  ];
  return forwards.flatMap(({ protocol, address, port, guestPort }): PublishedPort[] => {
    if (port === ssh && guestPort === guestSshPort && protocol === 'tcp') return [];
    if (protocol !== 'tcp' && protocol !== 'udp') return [];
    // QEMU and passt take no address for all of them.
    return [{ protocol, address: address === '' ? '0.0.0.0' : address, hostPort: port, guestPort }];
  });
}

/** An `<interface>` whose back end is passt, and where it stands. */
export function passtInterfaces(domain: XmlElement): XmlElement[] {
  // From 11.1 on, passt can also be behind <interface type='vhostuser'>.
  return children(child(domain, 'devices'), 'interface').filter(
    (each) => child(each, 'backend')?.attributes.type === 'passt',
  );
}

/** A range of ports that passt forwards, or keeps from being forwarded. */
export interface PasstRange {
  protocol: string;
  /** `undefined`: all addresses of the host. */
  address: string | undefined;
  /** Interface of the host to which the forward is limited. */
  device: string | undefined;
  start: number;
  end: number;
  /** Port of the guest that `start` leads to. */
  to: number;
  exclude: boolean;
  element: XmlElement;
}

/** All ranges in an interface's `<portForward>` elements that name their ports. */
export function passtRanges(networkInterface: XmlElement): PasstRange[] {
  return children(networkInterface, 'portForward').flatMap((forward) =>
    children(forward, 'range').map((range): PasstRange => {
      const start = Number(range.attributes.start);
      return {
        protocol: forward.attributes.proto ?? 'tcp',
        address: forward.attributes.address,
        device: forward.attributes.dev,
        start,
        end: Number(range.attributes.end ?? start),
        to: Number(range.attributes.to ?? start),
        exclude: range.attributes.exclude === 'yes',
        element: range,
      };
    }),
  );
}

/**
 * The forward to the guest's SSH port. A user may have added others to that port: the one that listens where our record
 * says is meant, then one that looks like ours, then the first.
 */
export function findSshForward(domain: XmlElement, recorded: number | undefined): SshForward | undefined {
  const found = [...passtInterfaces(domain).flatMap(passtForwards), ...slirpForwards(domain)];
  return found.find((each) => each.port === recorded) ?? found.find((each) => each.ours) ?? found[0];
}

function passtForwards(networkInterface: XmlElement): SshForward[] {
  return passtRanges(networkInterface)
    .filter(({ protocol, exclude, start, end, to }) => {
      return protocol === 'tcp' && !exclude && to <= guestSshPort && guestSshPort <= to + end - start;
    })
    .map(({ start, end, to, element }) => {
      const single = start === end;
      const set = (port: number): void => {
        setRange(element, port);
      };
      return { port: start + guestSshPort - to, ours: single, ...(single && { set }) };
    });
}

function setRange(range: XmlElement, port: number): void {
  range.attributes.start = String(port);
  delete range.attributes.end;
  range.attributes.to = String(guestSshPort);
}

function slirpForwards(domain: XmlElement): SshForward[] {
  return slirpNetworks(domain).flatMap(slirpForwardsOf);
}

/** The arguments that stand behind `-netdev` and are slirp's. */
function slirpNetworks(domain: XmlElement): XmlElement[] {
  return qemuArguments(domain).filter(
    (each, index, all) => all[index - 1]?.attributes.value === '-netdev' && isSlirp(each),
  );
}

function slirpForwardsOf(argument: XmlElement): SshForward[] {
  const options = splitOptions(argument.attributes.value ?? '');
  const ours = options.includes(`id=${slirpId}`);
  return options.flatMap((option, index) => {
    const forward = option.startsWith('hostfwd=')
      ? parseHostForward(option.slice('hostfwd='.length))
      : undefined;
    if (forward?.guestPort !== guestSshPort || forward.protocol !== 'tcp') return [];
    // The options are read anew at every change: two changes must not undo each other.
    const set = (port: number): void => {
      const current = splitOptions(argument.attributes.value ?? '');
      current[index] = `hostfwd=${hostForwardText({ ...forward, port })}`;
      argument.attributes.value = current.join(',');
    };
    return [{ port: forward.port, ours, set }];
  });
}

function isSlirp(argument: XmlElement): boolean {
  return splitOptions(argument.attributes.value ?? '')[0] === 'user';
}

/** Whether the domain has our slirp network. */
export function hasOurSlirp(domain: XmlElement): boolean {
  return qemuArguments(domain).some((each) =>
    splitOptions(each.attributes.value ?? '').includes(`id=${slirpId}`),
  );
}

/** The `<qemu:commandline>` of a domain. */
export function qemuCommandline(domain: XmlElement): XmlElement | undefined {
  return elements(domain).find((each) => isInNamespace(each, qemuNamespace, 'commandline', [domain]));
}

function qemuArguments(domain: XmlElement): XmlElement[] {
  const commandline = qemuCommandline(domain);
  if (commandline === undefined) return [];
  return elements(commandline).filter((each) =>
    isInNamespace(each, qemuNamespace, 'arg', [domain, commandline]),
  );
}

// In QEMU's options a doubled comma is a comma in a value.
function splitOptions(value: string): string[] {
  return value.match(/(?:[^,]|,,)+/g) ?? [];
}

/** What a passt interface forwards, port by port; `undefined` for what slirp can't do. */
export function asHostForwards(networkInterface: XmlElement): HostForward[] | undefined {
  const ranges = passtRanges(networkInterface);
  const excluded = ranges.filter((each) => each.exclude);
  const forwards: HostForward[] = [];
  for (const each of ranges.filter((range) => !range.exclude)) {
    const ipv4 = each.address === undefined || /^[0-9.]+$/.test(each.address);
    if (
      each.device !== undefined ||
      !ipv4 ||
      !Number.isInteger(each.start) ||
      each.end - each.start >= maximumForwards
    )
      return undefined;
    for (let port = each.start; port <= each.end; port++) {
      if (excluded.some((hole) => hole.protocol === each.protocol && hole.start <= port && port <= hole.end))
        continue;
      const guestPort = each.to + port - each.start;
      forwards.push({ protocol: each.protocol, address: each.address ?? '', port, guestPort });
    }
  }
  return forwards.length <= maximumForwards ? forwards : undefined;
}

/** Each forward is text in one argument of QEMU; a kernel's limit is 128 KiB. */
const maximumForwards = 1000;
