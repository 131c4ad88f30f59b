import { PodmanBootcError } from '../errors.js';
import { changeCredential } from './credentials.js';
import { filesystemElement, type VolumeDevice } from './devices/filesystem.js';
import { qemuDeclaration, slirpArguments, slirpElement, slirpSlot } from './devices/network.js';
import {
  asHostForwards,
  findPublishedPorts,
  findSshForward,
  hasOurSlirp,
  passtInterfaces,
  qemuCommandline,
} from './forward.js';
import { memoryBackingElement, memoryOf } from './memory.js';
import {
  metadataElementOf,
  metadataOfDomain,
  metadataPrefix,
  setMetadataPort,
  type VmMetadata,
} from './metadata.js';
import type { PublishedPort } from './ports.js';
import { splitName } from './namespace.js';
import { checkPort } from './specification.js';
import { isVolumeTag, replaceVolumes, volumeTag } from './volumes.js';
import { buildXml, child, children, find, parseXml, text, type XmlElement } from './xml.js';

/** What the program needs to know of a domain, whoever has changed it since. */
export interface DomainDescription {
  name: string;
  uuid: string;
  title?: string;
  /** `kvm`, `qemu`, `hvf`. */
  domainType: string;
  arch: string;
  /** Canonical machine type in what libvirt dumps, for example `pc-q35-7.2`. */
  machine: string;
  cpus: number;
  /** Bytes: the most it can have. */
  memory: number;
  /** Bytes that it starts with; the guest's balloon holds the rest. */
  currentMemory: number;
  firmware: 'efi' | 'bios';
  emulator?: string;
  /** Absent when the domain isn't one of ours. */
  metadata?: VmMetadata;
  /** The host's port that really leads to port 22 of the guest; absent when none does. */
  sshPort?: number;
  /** The other ports of the host that lead to the guest, whatever our record says. */
  ports: PublishedPort[];
  /** Whether a network interface goes through passt. */
  usesPasst: boolean;
  consoleLog?: string;
  /** Files and block devices of all disks and CD-ROM drives, without what they are overlays of. */
  diskPaths: string[];
  /** What the disks are overlays of, as far as the domain says. */
  backingPaths: string[];
  /** The volumes of our record that it has a device for. */
  volumes: VolumeDevice[];
}

/**
 * Changes the port of the host that leads to the guest's SSH port, where it is forwarded and in our record. Every other
 * forward, device and setting stays; comments and indentation don't.
 *
 * @throws PodmanBootcError `XML_INVALID`; `DOMAIN_SPECIFICATION` (usage) for a bad port; `VM_METADATA_MISSING`;
 * `SSH_FORWARD_MISSING` when nobody could tell which element to change
 */
export function withSshPort(domainXml: string, port: number): string {
  checkPort(port);
  const domain = parseDomain(domainXml);
  const record = requiredMetadata(domain);
  const forward = findSshForward(domain, recordedPort(domain));
  if (forward?.set === undefined) throw noForward(forward === undefined ? 'none' : 'only a range of ports');
  forward.set(port);
  setMetadataPort(record, port);
  return buildXml(domain);
}

/** Gives a domain another name. */
export function withName(domainXml: string, name: string): string {
  const domain = parseDomain(domainXml);
  const element = child(domain, 'name');
  if (!element)
    throw new PodmanBootcError('failure', 'DOMAIN_INVALID', 'Expected a domain with a name, got none');
  element.children = [name];
  return buildXml(domain);
}

/**
 * Replaces our passt interface by slirp with the same ports and MAC address, for a host where libvirt knows passt and
 * the program is missing. A domain that has our slirp network already comes back as it is.
 *
 * @throws PodmanBootcError `XML_INVALID`; `SSH_FORWARD_MISSING` without an interface of ours; `NETWORK_NOT_CONVERTIBLE`
 * when it forwards something slirp can't (IPv6 addresses, one interface of the host only, over 1000 ports)
 */
export function withSlirp(domainXml: string): string {
  const domain = parseDomain(domainXml);
  const candidates = passtInterfaces(domain);
  const recorded = recordedPort(domain);
  const forwarding = candidates.filter((each) => findSshForward(onlyInterface(each), recorded) !== undefined);
  const ours =
    forwarding.find((each) => findSshForward(onlyInterface(each), recorded)?.port === recorded) ??
    forwarding[0];
  if (ours === undefined) {
    if (hasOurSlirp(domain)) return buildXml(domain);
    throw noForward('none that goes through passt');
  }
  const forwards = asHostForwards(ours);
  if (forwards === undefined)
    throw new PodmanBootcError(
      'define',
      'NETWORK_NOT_CONVERTIBLE',
      'The ports that this VM forwards through passt cannot be forwarded without it',
      { remedy: 'Install passt, or remove the added <portForward> with "virsh edit"' },
    );
  const devices = child(domain, 'devices');
  if (devices) devices.children = devices.children.filter((each) => each !== ours);
  const mac = child(ours, 'mac')?.attributes.address;
  const card = { forwards, slot: freeSlot(domain), ...(mac !== undefined && { mac }) };
  const commandline = qemuCommandline(domain);
  if (commandline) commandline.children.push(...slirpArguments(card, splitName(commandline.name).prefix));
  else {
    Object.assign(domain.attributes, qemuDeclaration);
    domain.children.push(slirpElement(card));
  }
  return buildXml(domain);
}

/**
 * Gives a domain these volumes in place of those that it has: devices, record, and the credential by which the guest mounts
 * them. Every other device, also another file system, stays. A domain of before volumes gets the memory that they need.
 * @param credential changes the text of the credential `tmpfiles.extra`
 *
 * @throws PodmanBootcError `XML_INVALID`; `VM_METADATA_MISSING`; `CREDENTIALS_TOO_LARGE`
 */
export function withVolumes(
  domainXml: string,
  volumes: readonly VolumeDevice[],
  credential: (text: string) => string,
): string {
  const domain = parseDomain(domainXml);
  const record = requiredMetadata(domain);
  replaceVolumes(
    record,
    volumes.map(({ volume }) => volume),
    splitName(record.name).prefix,
  );
  changeCredential(domain, 'tmpfiles.extra', credential);
  const devices = child(domain, 'devices');
  if (!devices)
    throw new PodmanBootcError('failure', 'DOMAIN_INVALID', 'Expected a domain with devices, got none');
  // One that stays keeps its place on the bus.
  const old = children(devices, 'filesystem').filter(isOurs);
  const wanted = volumes.map((device) => {
    const made = filesystemElement(device);
    const address = child(
      old.find((each) => tagOf(each) === volumeTag(device.volume)),
      'address',
    );
    if (address) made.children.push(address);
    return made;
  });
  devices.children = [
    ...devices.children.filter((each) => typeof each === 'string' || !old.includes(each)),
    ...wanted,
  ];
  const backing = memoryBackingElement({ domainType: 'qemu' });
  if (backing && wanted.length > 0 && !sharesMemory(domain)) {
    const at = domain.children.findIndex((each) => typeof each !== 'string' && each.name === 'vcpu');
    domain.children = domain.children.filter(
      (each) => typeof each === 'string' || each.name !== backing.name,
    );
    domain.children.splice(Math.max(0, at), 0, backing);
  }
  return buildXml(domain);
}

function sharesMemory(domain: XmlElement): boolean {
  return find(domain, 'memoryBacking', 'access')?.attributes.mode === 'shared';
}

function tagOf(filesystem: XmlElement): string | undefined {
  return child(filesystem, 'target')?.attributes.dir;
}

function isOurs(filesystem: XmlElement): boolean {
  return isVolumeTag(tagOf(filesystem));
}

/** The devices that the record has a volume for. */
function volumesOfDomain(domain: XmlElement, metadata: VmMetadata | undefined): VolumeDevice[] {
  const filesystems = children(child(domain, 'devices'), 'filesystem');
  return (metadata?.volumes ?? []).flatMap((volume) => {
    const device = filesystems.find((each) => tagOf(each) === volumeTag(volume));
    const socket = child(device, 'source')?.attributes.socket;
    return device ? [{ volume, ...defined('socket', socket) }] : [];
  });
}

/**
 * Reads a domain, ours or not.
 *
 * @throws PodmanBootcError `XML_INVALID`, `DOMAIN_INVALID`; `VM_METADATA_DAMAGED`
 */
export function readDomain(domainXml: string): DomainDescription {
  const domain = parseDomain(domainXml);
  const devices = child(domain, 'devices');
  const os = child(domain, 'os');
  const disks = children(devices, 'disk');
  const metadata = metadataOfDomain(domain);
  const vcpu = child(domain, 'vcpu');
  return {
    name: text(child(domain, 'name')) ?? '',
    uuid: text(child(domain, 'uuid')) ?? '',
    domainType: domain.attributes.type ?? '',
    arch: child(os, 'type')?.attributes.arch ?? '',
    machine: child(os, 'type')?.attributes.machine ?? '',
    // `current` is how many are plugged in of those the VM has room for.
    cpus: Number(vcpu?.attributes.current ?? text(vcpu) ?? 1),
    memory: memoryOf(child(domain, 'memory')),
    currentMemory: memoryOf(child(domain, 'currentMemory') ?? child(domain, 'memory')),
    firmware: isEfi(os) ? 'efi' : 'bios',
    diskPaths: disks.flatMap(sourceOf),
    backingPaths: disks.flatMap(backingOf),
    ports: findPublishedPorts(domain, metadata?.ssh.port),
    usesPasst: passtInterfaces(domain).length > 0,
    volumes: volumesOfDomain(domain, metadata),
    ...defined('title', text(child(domain, 'title'))),
    ...defined('emulator', text(child(devices, 'emulator'))),
    ...defined('metadata', metadata),
    ...defined('sshPort', findSshForward(domain, metadata?.ssh.port)?.port),
    ...defined('consoleLog', find(devices, 'serial', 'log')?.attributes.file),
  };
}

function defined<K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> {
  return (value === undefined ? {} : { [key]: value }) as Partial<Record<K, V>>;
}

function parseDomain(domainXml: string): XmlElement {
  const domain = parseXml(domainXml);
  if (domain.name !== 'domain')
    throw new PodmanBootcError(
      'failure',
      'DOMAIN_INVALID',
      `Expected <domain> from libvirt, got <${domain.name}>`,
    );
  return domain;
}

function requiredMetadata(domain: XmlElement): XmlElement {
  const found = metadataElementOf(domain);
  if (found === undefined)
    throw new PodmanBootcError(
      'failure',
      'VM_METADATA_MISSING',
      `The domain "${text(child(domain, 'name')) ?? ''}" has no ${metadataPrefix} metadata: it was not made by ${metadataPrefix}`,
    );
  return found;
}

function recordedPort(domain: XmlElement): number | undefined {
  return metadataOfDomain(domain)?.ssh.port;
}

function noForward(found: string): PodmanBootcError {
  return new PodmanBootcError(
    'define',
    'SSH_FORWARD_MISSING',
    `Expected the domain to forward one port of the host to port 22 of the guest, got ${found}`,
    { remedy: 'Give it the forward back with "virsh edit", or make the VM anew' },
  );
}

/** A domain with nothing but that interface, to ask what it forwards. */
function onlyInterface(networkInterface: XmlElement): XmlElement {
  const devices = { name: 'devices', attributes: {}, children: [networkInterface] };
  return { name: 'domain', attributes: {}, children: [devices] };
}

/** A slot of the root bus that no device of the domain has, from our usual one on. */
function freeSlot(domain: XmlElement): number {
  const taken = new Set(
    (child(domain, 'devices')?.children ?? []).flatMap((device) => {
      const address = typeof device === 'string' ? undefined : child(device, 'address')?.attributes;
      const onRootBus =
        address?.type === 'pci' && Number(address.bus ?? 0) === 0 && Number(address.domain ?? 0) === 0;
      return onRootBus ? [Number(address.slot ?? 0)] : [];
    }),
  );
  let slot = slirpSlot;
  while (taken.has(slot)) slot++;
  return slot;
}

// libvirt 9.0 keeps firmware='efi' in what it dumps; a domain made by hand may name a pflash loader only.
function isEfi(os: XmlElement | undefined): boolean {
  const loader = child(os, 'loader');
  return os?.attributes.firmware === 'efi' || loader?.attributes.type === 'pflash';
}

function sourceOf(disk: XmlElement): string[] {
  const source = child(disk, 'source')?.attributes;
  return [source?.file ?? source?.dev].filter((each) => each !== undefined);
}

function backingOf(disk: XmlElement): string[] {
  const backing = child(disk, 'backingStore');
  return backing === undefined ? [] : [...sourceOf(backing), ...backingOf(backing)];
}
