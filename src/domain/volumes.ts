import { createHash } from 'node:crypto';
import { posix, resolve } from 'node:path';
import { PodmanBootcError } from '../errors.js';
import { option } from '../option-text.js';
import { child, children, element, type XmlElement } from './xml.js';

/** A directory of the host that the guest has mounted. */
export interface Volume {
  /** Absolute path of the directory on the host. */
  host: string;
  /** Absolute path in the guest. */
  guest: string;
  /** Whether the guest may only read. */
  readOnly: boolean;
}

/** Paths of the guest that nothing may hide, nor anything below them. */
const trees = [
  '/proc',
  '/sys',
  '/dev',
  '/boot',
  '/efi',
  '/usr',
  '/bin',
  '/sbin',
  '/lib',
  '/lib64',
  '/ostree',
  '/sysroot',
  '/run/systemd',
  '/run/udev',
];
/** Paths below which there is room, and that hold what a guest needs to boot or to be logged in to. */
const places = ['/', '/etc', '/var', '/run', '/tmp', '/home', '/var/home', '/root', '/var/roothome'];

/**
 * Reads a volume as it is written on command lines: `HOST:GUEST[:ro|:rw]`. A relative path of the host is one below the
 * working directory and begins with `./` or `../`, as podman has it, for which a bare word is a named volume.
 * @param source what the word was given with, for the message
 *
 * @throws PodmanBootcError `VOLUME_INVALID` (usage)
 */
export function parseVolume(word: string, source = option('volumes')): Volume {
  const [host = '', guest = '', mode = 'rw', ...more] = word.split(':');
  if (host === '' || guest === '' || more.length > 0 || !['ro', 'rw'].includes(mode))
    throw invalid(source, 'of the form HOST:GUEST[:ro]', word);
  if (!/^(?:\/|\.\.?(?:\/|$))/.test(host))
    throw invalid(
      `the directory of the host in ${source}`,
      'a path that begins with /, ./ or ../ (there are no named volumes)',
      host,
      `For example ${option('volumes', `./${host}:${guest}`)}`,
    );
  const volume = { host: resolve(host), guest: withoutFinalSlash(guest), readOnly: mode === 'ro' };
  checkVolume(volume, source);
  return volume;
}

/** A volume as `parseVolume` reads it. */
export function volumeText({ host, guest, readOnly }: Volume): string {
  return `${host}:${guest}${readOnly ? ':ro' : ''}`;
}

/**
 * Refuses what could not be mounted, or would hide what the guest needs.
 *
 * @throws PodmanBootcError `VOLUME_INVALID` (usage)
 */
export function checkVolume({ host, guest, readOnly }: Volume, source = option('volumes')): void {
  // A colon ends a path on command lines, a comma and a backslash have a meaning in virtiofsd's `-o source=`.
  if (
    !host.startsWith('/') ||
    posix.normalize(host) !== host ||
    /[:,\\]|\p{Control}|\p{Surrogate}/u.test(host)
  )
    throw invalid(
      `the directory of the host in ${source}`,
      'a plain absolute path without colons, commas, backslashes and control characters',
      host,
    );
  if (
    !guest.startsWith('/') ||
    posix.normalize(guest) !== guest ||
    (guest !== '/' && guest.endsWith('/')) ||
    /[:\\]|\p{Control}|\p{Surrogate}/u.test(guest)
  )
    throw invalid(
      `the path in the VM in ${source}`,
      'a plain absolute path without colons, backslashes and control characters',
      guest,
    );
  if (places.includes(guest) || trees.some((tree) => guest === tree || guest.startsWith(`${tree}/`)))
    throw invalid(
      `the path in the VM in ${source}`,
      'one that hides nothing that the VM needs to boot or to be logged in to',
      guest,
    );
  // Only a user of the library can get here.
  if (typeof readOnly !== 'boolean')
    throw invalid(`readOnly in ${source}`, 'true or false', String(readOnly));
}

/**
 * Refuses volumes of which two want the same place in the guest.
 *
 * @throws PodmanBootcError `VOLUME_CONFLICT` (usage)
 */
export function checkVolumesDistinct(volumes: readonly Volume[], source = option('volumes')): void {
  for (const [index, volume] of volumes.entries()) {
    const other = volumes.slice(0, index).find(({ guest }) => guest === volume.guest);
    if (other === undefined) continue;
    throw new PodmanBootcError(
      'usage',
      'VOLUME_CONFLICT',
      `Expected ${source} to take each path of the VM once, got ${volumeText(other)} and ${volumeText(volume)}`,
      { remedy: 'Give one of them another path in the VM' },
    );
  }
}

/**
 * The tag by which the guest mounts a volume, the same for the same path: virtiofs takes 36 bytes of one
 * (virtio specification, 5.11.4).
 */
export function volumeTag({ guest }: Pick<Volume, 'guest'>): string {
  return `${tagPrefix}${createHash('sha256').update(guest).digest('hex').slice(0, 12)}`;
}

const tagPrefix = 'podman-bootc-';

/** Whether a tag is that of a volume of ours. */
export function isVolumeTag(tag: string | undefined): boolean {
  return tag !== undefined && /^podman-bootc-[0-9a-f]{12}$/.test(tag);
}

function withoutFinalSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

function invalid(what: string, expected: string, value: string, remedy?: string): PodmanBootcError {
  return new PodmanBootcError(
    'usage',
    'VOLUME_INVALID',
    `Expected ${what} to be ${expected}, got ${JSON.stringify(value.length > 200 ? `${value.slice(0, 197)}…` : value)}`,
    {
      remedy:
        remedy ??
        `For example ${option('volumes', './src:/var/src')}, which mounts the directory src of the host at /var/src`,
    },
  );
}

/** Volumes as an element of our record; none without volumes. Each name of an element gets the prefix. */
export function volumesElement(volumes: readonly Volume[], prefix: string): XmlElement | undefined {
  const named = (name: string): string => (prefix === '' ? name : `${prefix}:${name}`);
  const each = volumes.map(({ host, guest, readOnly }) =>
    element(named('volume'), { host, guest, ...(readOnly && { readOnly: 'yes' }) }),
  );
  return each.length === 0 ? undefined : element(named('volumes'), {}, ...each);
}

/** The volumes in our record, of which `prefix` is the prefix. One that lacks a path is passed over: it has no use. */
export function volumesOf(record: XmlElement, prefix: string): Volume[] {
  const named = (name: string): string => (prefix === '' ? name : `${prefix}:${name}`);
  return children(child(record, named('volumes')), named('volume')).flatMap(
    ({ attributes: { host, guest, readOnly } }) =>
      host === undefined || guest === undefined ? [] : [{ host, guest, readOnly: readOnly === 'yes' }],
  );
}

/** Puts these volumes into our record in place of those that it has; everything else in it stays. */
export function replaceVolumes(record: XmlElement, volumes: readonly Volume[], prefix: string): void {
  const old = child(record, prefix === '' ? 'volumes' : `${prefix}:volumes`);
  const added = volumesElement(volumes, prefix);
  record.children = [...record.children.filter((each) => each !== old), ...(added ? [added] : [])];
}
