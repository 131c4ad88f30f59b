import { randomUUID } from 'node:crypto';
import { PodmanBootcError } from '../errors.js';
import { option } from '../option-text.js';

/** A VM's ID: the first 12 hex digits of its domain's uuid. */
export function idOf(uuid: string): string {
  return uuid.replaceAll('-', '').slice(0, 12).toLowerCase();
}

/** The name and uuid of a VM that is about to be made. */
export interface Identity {
  name: string;
  uuid: string;
}

/**
 * The identity of a VM of an image. Without a name its uuid comes from the image id, so that its ID is the
 * image's short ID and there is one such VM per image, as users of podman-bootc know it.
 * @param imageId 64 hex digits
 * @param names of the other VMs: a random ID begins with none of them
 */
export function chooseIdentity(
  imageId: string,
  name: string | undefined,
  names: readonly string[] = [],
): Identity {
  if (name !== undefined) {
    checkName(name);
    let uuid = randomUUID();
    // There may be a VM for each first digit.
    for (let attempt = 1; attempt < 100 && names.some((other) => isIdOf(other, uuid)); attempt++)
      uuid = randomUUID();
    return { name, uuid };
  }
  const uuid = imageId
    .slice(0, 32)
    .toLowerCase()
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return { name: defaultName(uuid), uuid };
}

/**
 * Checks a VM's name: what a host name and a file name can be, and nothing that needs quoting anywhere.
 * @throws PodmanBootcError `NAME_INVALID`
 */
export function checkName(name: string): void {
  if (/^(?:[0-9a-f]{12}|[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i.test(name)) {
    throw new PodmanBootcError(
      'usage',
      'NAME_INVALID',
      `Expected a VM name that nobody takes for an ID, got ${JSON.stringify(name)}`,
      { remedy: `Choose another, for example vm-${name.slice(0, 4)}` },
    );
  }
  if (isName(name)) return;
  const shown = JSON.stringify(name.length > 80 ? `${name.slice(0, 77)}…` : name);
  throw new PodmanBootcError(
    'usage',
    'NAME_INVALID',
    `Expected a VM name of 1 to 63 letters, digits, dots, dashes and underscores that begins with a letter or digit, got ${shown}${name.length > 80 ? ` (${name.length} characters)` : ''}`,
    { remedy: `Choose another, for example ${option('name', 'web-1')}` },
  );
}

/** Whether a domain's name is one that we would give: libvirt takes almost any. */
export function isName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/.test(name);
}

/** Whether a word may be an ID or the beginning of one: hex digits, as in a uuid with or without dashes. */
export function isIdPrefix(word: string): boolean {
  return /^[0-9a-f][0-9a-f-]*$/i.test(word);
}

/** How many digits of an ID a word has. */
export function idDigits(word: string): number {
  return word.replaceAll('-', '').length;
}

/** Whether a word means the VM with this uuid, by its ID or the beginning of it. */
export function isIdOf(word: string, uuid: string): boolean {
  return isIdPrefix(word) && matchesId(uuid, word);
}

/** Whether a uuid begins with an ID prefix. */
export function matchesId(uuid: string, prefix: string): boolean {
  return uuid.replaceAll('-', '').toLowerCase().startsWith(prefix.replaceAll('-', '').toLowerCase());
}

/** What a VM is called that was given no name. */
export function defaultName(uuid: string): string {
  return `podman-bootc-${idOf(uuid)}`;
}
