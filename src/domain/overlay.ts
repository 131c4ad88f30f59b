import { PodmanBootcError } from '../errors.js';
import { buildXml, child, children, element, find, parseXml, type XmlElement } from './xml.js';

/*
 * A VM's disk and an overlay above it: what libvirt is told to make one (a snapshot of disks only), and how the domain gets the
 * disk back that it had.
 */

/** A disk as a domain has it. */
export interface DomainDisk {
  /** What libvirt calls it: `vda`. */
  target: string;
  /** Its element, to be put back as it was. */
  xml: string;
}

/** The disk of a domain that this file is; undefined where it has none such. */
export function findDisk(domainXml: string, path: string): DomainDisk | undefined {
  const disk = disksOf(parseXml(domainXml)).find((each) => sourceOf(each) === path);
  const target = child(disk, 'target')?.attributes.dev;
  return disk && target !== undefined ? { target, xml: buildXml(disk) } : undefined;
}

/** Whether a domain has a disk that is this file. */
export function hasDisk(domainXml: string, path: string): boolean {
  return findDisk(domainXml, path) !== undefined;
}

/** A name for one more virtio disk of a domain. */
export function freeDiskTarget(domainXml: string): string {
  const taken = disksOf(parseXml(domainXml)).map((disk) => child(disk, 'target')?.attributes.dev);
  const names = Array.from({ length: 26 }, (_, index) => `vd${String.fromCharCode(97 + index)}`);
  const found = names.find((target) => !taken.includes(target));
  if (found !== undefined) return found;
  throw new PodmanBootcError('failure', 'DOMAIN_INVALID', 'Expected the domain to have less than 26 disks');
}

/** What libvirt is told to put an overlay above one disk of a domain, and to leave all others alone. */
export function overlaySnapshotXml(domainXml: string, target: string, overlay: string): string {
  const disks = disksOf(parseXml(domainXml)).flatMap((disk) => {
    const name = child(disk, 'target')?.attributes.dev;
    if (name === undefined) return [];
    if (name !== target) return [element('disk', { name, snapshot: 'no' })];
    const driver = element('driver', { type: 'qcow2' });
    const source = element('source', { file: overlay });
    return [element('disk', { name, snapshot: 'external' }, driver, source)];
  });
  return buildXml(
    element('domainsnapshot', {}, element('memory', { snapshot: 'no' }), element('disks', {}, ...disks)),
  );
}

/**
 * A domain with a disk put back in the place of the one that it has at the same target; everything else stays.
 * @throws PodmanBootcError `DOMAIN_INVALID` where it has no disk at that target any longer
 */
export function withDisk(domainXml: string, { target, xml }: DomainDisk): string {
  const domain = parseXml(domainXml);
  const devices = child(domain, 'devices');
  const present = disksOf(domain).find((each) => child(each, 'target')?.attributes.dev === target);
  if (!devices || !present)
    throw new PodmanBootcError(
      'failure',
      'DOMAIN_INVALID',
      `Expected the domain to have a disk ${target}, got none`,
    );
  devices.children = devices.children.map((each) => (each === present ? parseXml(xml) : each));
  return buildXml(domain);
}

function disksOf(domain: XmlElement): XmlElement[] {
  return children(find(domain, 'devices'), 'disk');
}

function sourceOf(disk: XmlElement): string | undefined {
  const source = child(disk, 'source')?.attributes;
  return source?.file ?? source?.dev;
}
