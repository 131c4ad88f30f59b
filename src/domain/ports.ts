import { isIPv4 } from 'node:net';
import { PodmanBootcError } from '../errors.js';
import { option } from '../option-text.js';
import { forwardAddress } from './devices/network.js';
import { children, child, element, type XmlElement } from './xml.js';

/** A port of the host that leads to one of the guest. */
export interface PublishedPort {
  protocol: 'tcp' | 'udp';
  /** IPv4 address of the host on which it listens; `0.0.0.0` is all of them. */
  address: string;
  hostPort: number;
  guestPort: number;
}

/**
 * Reads a port as it is written on command lines: `[ADDRESS:]HOST:GUEST[/tcp|udp]`, where the address is 127.0.0.1 and
 * the protocol TCP by default.
 * @param source what the word was given with, for the message
 *
 * @throws PodmanBootcError `PORT_INVALID` (usage)
 */
export function parsePort(word: string, source = option('ports')): PublishedPort {
  const found =
    /^(?:(?<address>[^:/]+):)?(?<hostPort>[0-9]{1,5}):(?<guestPort>[0-9]{1,5})(?:\/(?<protocol>tcp|udp))?$/.exec(
      word,
    )?.groups;
  if (found === undefined) throw invalid(source, 'of the form [ADDRESS:]HOST:GUEST[/tcp|udp]', word);
  const port: PublishedPort = {
    protocol: found.protocol === 'udp' ? 'udp' : 'tcp',
    address: found.address ?? forwardAddress,
    hostPort: Number(found.hostPort),
    guestPort: Number(found.guestPort),
  };
  checkPublishedPort(port, source);
  return port;
}

/** A port as `parsePort` reads it; what is the default is left out. */
export function portText({ protocol, address, hostPort, guestPort }: PublishedPort): string {
  return `${address === forwardAddress ? '' : `${address}:`}${hostPort}:${guestPort}${protocol === 'tcp' ? '' : `/${protocol}`}`;
}

/**
 * Refuses what could not be forwarded.
 *
 * @throws PodmanBootcError `PORT_INVALID` (usage)
 */
export function checkPublishedPort(port: PublishedPort, source = option('ports')): void {
  const { protocol, address, hostPort, guestPort } = port;
  if (!isIPv4(address)) throw invalid(source, 'on an IPv4 address of this host', address);
  for (const [what, number] of [
    ["the host's port", hostPort],
    ["the guest's port", guestPort],
  ] as const) {
    if (!isPort(number)) throw invalid(`${what} in ${source}`, 'from 1 to 65535', String(number));
  }
  // Only a user of the library can get here: the pattern knows no other.
  if (!(['tcp', 'udp'] as string[]).includes(protocol))
    throw invalid(`the protocol in ${source}`, 'tcp or udp', protocol);
}

/**
 * Refuses ports of which two want the same port of the host.
 *
 * @throws PodmanBootcError `PORT_CONFLICT` (usage)
 */
export function checkPortsDistinct(ports: readonly PublishedPort[], source = option('ports')): void {
  for (const [index, port] of ports.entries()) {
    const other = ports.slice(0, index).find((earlier) => wantSamePort(earlier, port));
    if (other === undefined) continue;
    throw new PodmanBootcError(
      'usage',
      'PORT_CONFLICT',
      `Expected ${source} to take each port of the host once, got ${portText(other)} and ${portText(port)}`,
      { remedy: `Give one of them another port of the host, for example ${portText(elsewhere(port))}` },
    );
  }
}

/** Whether two ports cannot both be listened on: `0.0.0.0` takes the port on every address. */
export function wantSamePort(
  a: Pick<PublishedPort, 'protocol' | 'address' | 'hostPort'>,
  b: Pick<PublishedPort, 'protocol' | 'address' | 'hostPort'>,
): boolean {
  const sameAddress = a.address === b.address || [a.address, b.address].includes('0.0.0.0');
  return a.protocol === b.protocol && a.hostPort === b.hostPort && sameAddress;
}

function elsewhere(port: PublishedPort): PublishedPort {
  return { ...port, hostPort: port.hostPort < 1024 ? port.hostPort + 8000 : (port.hostPort % 65535) + 1 };
}

function isPort(number: number): boolean {
  return Number.isInteger(number) && number >= 1 && number <= 65535;
}

function invalid(what: string, expected: string, value: string): PodmanBootcError {
  return new PodmanBootcError(
    'usage',
    'PORT_INVALID',
    `Expected ${what} to be ${expected}, got ${JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}…` : value)}`,
    {
      remedy: `For example ${option('ports', '8080:80')}, which leads from 127.0.0.1:8080 to port 80 of the VM`,
    },
  );
}

/** Ports as an element of our record; none without ports. Each name of an element gets the prefix. */
export function portsElement(ports: readonly PublishedPort[], prefix: string): XmlElement | undefined {
  const named = (name: string): string => (prefix === '' ? name : `${prefix}:${name}`);
  const each = ports.map(({ protocol, address, hostPort, guestPort }) =>
    element(named('port'), { protocol, address, host: hostPort, guest: guestPort }),
  );
  return each.length === 0 ? undefined : element(named('ports'), {}, ...each);
}

/** The ports in our record, of which `prefix` is the prefix. What makes no sense is passed over: the domain decides. */
export function portsOf(record: XmlElement, prefix: string): PublishedPort[] {
  const named = (name: string): string => (prefix === '' ? name : `${prefix}:${name}`);
  return children(child(record, named('ports')), named('port')).flatMap(({ attributes }) => {
    const { protocol, address = '', host, guest } = attributes;
    const port = { address, hostPort: Number(host), guestPort: Number(guest) };
    const usable =
      (protocol === 'tcp' || protocol === 'udp') &&
      isIPv4(address) &&
      isPort(port.hostPort) &&
      isPort(port.guestPort);
    return usable ? [{ protocol, ...port }] : [];
  });
}
