import { createHash } from 'node:crypto';
import { PodmanBootcError } from '../errors.js';

/** One host key that a known_hosts file pins: its type (`ssh-ed25519`, …) and its wire form. */
export interface PinnedKey {
  type: string;
  key: Buffer;
}

/**
 * The name under which a host key stands in known_hosts. Lower case, because OpenSSH compares the host's
 * name as given with entries that it has lowered.
 * @throws PodmanBootcError `HOST_KEY_ALIAS_INVALID` for what known_hosts would read as a pattern, a list,
 *   a marker or a comment
 */
export function knownHostName(alias: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._:-]*$/.test(alias)) {
    throw new PodmanBootcError(
      'failure',
      'HOST_KEY_ALIAS_INVALID',
      `Expected a host key alias of letters, digits, dots, colons, dashes and underscores, got ${JSON.stringify(alias)}`,
    );
  }
  return alias.toLowerCase();
}

/**
 * One line of a known_hosts file (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT), newline included.
 * @param alias what `HostKeyAlias` says: letters, digits, `.`, `:`, `-`, `_`
 * @param publicKey a public key as in a `.pub` file; its comment is left out
 * @throws PodmanBootcError `HOST_KEY_ALIAS_INVALID`, or `HOST_KEY_INVALID` for a text that is no public key
 */
export function formatKnownHost(alias: string, publicKey: string): string {
  const name = knownHostName(alias);
  const [type = '', encoded = ''] = publicKey.trim().split(/\s+/);
  const key = decodeKey(type, encoded);
  if (!key) {
    throw new PodmanBootcError(
      'failure',
      'HOST_KEY_INVALID',
      `The host key for ${alias} is not a public key`,
    );
  }
  return `${name} ${type} ${key.toString('base64')}\n`;
}

/**
 * The keys that a known_hosts text pins for an alias. Marked lines (`@cert-authority`, `@revoked`), hashed
 * names and patterns are passed over: podman-bootc writes none.
 * @throws PodmanBootcError `KNOWN_HOSTS_DAMAGED` if a line for the alias holds no readable key. To ignore
 *   it would mean to trust whatever key comes next.
 */
export function parsePinnedKeys(text: string, alias: string): PinnedKey[] {
  const name = knownHostName(alias);
  const keys: PinnedKey[] = [];
  for (const line of text.split('\n')) {
    const [names = '', type = '', encoded = ''] = line.trim().split(/\s+/);
    if (!names.toLowerCase().split(',').includes(name)) continue;
    const key = decodeKey(type, encoded);
    if (!key) {
      throw new PodmanBootcError(
        'ssh',
        'KNOWN_HOSTS_DAMAGED',
        `The host key pinned for ${alias} cannot be read: ${JSON.stringify(line.slice(0, 80))}`,
        { remedy: 'Restore the known_hosts file of the VM, or remove it to pin the key anew' },
      );
    }
    keys.push({ type, key });
  }
  return keys;
}

/** The fingerprint of a key in its wire form, as `ssh-keygen -l` prints it: `SHA256:…`. */
export function fingerprintOf(key: Buffer): string {
  return `SHA256:${createHash('sha256')
    .update(key)
    .digest('base64')
    .replace(/={0,2}$/, '')}`;
}

/** The type that a key in its wire form names (RFC 4253, 6.6), or undefined where it is cut short. */
export function typeOfKey(key: Buffer): string | undefined {
  if (key.length < 4) return undefined;
  const end = 4 + key.readUInt32BE(0);
  return end < key.length ? key.toString('latin1', 4, end) : undefined;
}

function decodeKey(type: string, encoded: string): Buffer | undefined {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) return undefined;
  const key = Buffer.from(encoded, 'base64');
  return type !== '' && typeOfKey(key) === type ? key : undefined;
}
