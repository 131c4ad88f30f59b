import { readRegularFile, writeDurably } from '../durable-file.js';
import { codeOf, PodmanBootcError } from '../errors.js';
import {
  fingerprintOf,
  formatKnownHost,
  knownHostName,
  parsePinnedKeys,
  typeOfKey,
  type PinnedKey,
} from './known-hosts.js';
import { quoteForShell } from './session.js';
import type { LoginTarget } from './target.js';

/** Bytes: a VM has one key, or a few after a while. */
const longestFile = 1024 * 1024;

/**
 * The host keys that the target's known_hosts file pins for it; none if the file is missing.
 * @throws PodmanBootcError `KNOWN_HOSTS_DAMAGED`, `KNOWN_HOSTS_UNUSABLE`
 */
export async function readPinnedKeys(t: LoginTarget): Promise<PinnedKey[]> {
  return parsePinnedKeys(await readKnownHosts(t), t.hostKeyAlias);
}

/**
 * Adds the host key of a first contact to the target's known_hosts file, which is replaced as a whole
 * (mode 0600), so that a reader or a crash never meets half a line.
 * @returns false if another contact has pinned the same key meanwhile
 * @throws PodmanBootcError `HOST_KEY_MISMATCH` if it has pinned another one, `KNOWN_HOSTS_UNUSABLE`
 */
export async function pin(t: LoginTarget, hostKey: Buffer): Promise<boolean> {
  const text = await readKnownHosts(t);
  const pinned = parsePinnedKeys(text, t.hostKeyAlias);
  if (pinned.length > 0) {
    if (pinned.some(({ key }) => key.equals(hostKey))) return false;
    throw hostKeyMismatch(t, pinned, hostKey);
  }
  await append(t, text, hostKey);
  return true;
}

/**
 * Pins one more host key, that of a guest which is known to have it besides those that are pinned.
 * @throws PodmanBootcError `KNOWN_HOSTS_DAMAGED`, `KNOWN_HOSTS_UNUSABLE`
 */
export async function pinAlso(t: LoginTarget, hostKey: Buffer): Promise<void> {
  const text = await readKnownHosts(t);
  if (parsePinnedKeys(text, t.hostKeyAlias).some(({ key }) => key.equals(hostKey))) return;
  await append(t, text, hostKey);
}

async function append(t: LoginTarget, text: string, hostKey: Buffer): Promise<void> {
  const line = formatKnownHost(t.hostKeyAlias, `${typeOfKey(hostKey) ?? ''} ${hostKey.toString('base64')}`);
  const kept = text === '' || text.endsWith('\n') ? text : `${text}\n`;
  try {
    await writeDurably(t.knownHostsFile, kept + line);
  } catch (error) {
    throw knownHostsUnusable(t, error);
  }
}

/** The refusal of a host key that is not among the pinned ones. */
export function hostKeyMismatch(t: LoginTarget, pinned: readonly PinnedKey[], key: Buffer): PodmanBootcError {
  const expected = pinned.map((known) => `${fingerprintOf(known.key)} (${known.type})`).join(' or ');
  const shown = `${fingerprintOf(key)} (${typeOfKey(key) ?? 'unknown type'})`;
  const name = knownHostName(t.hostKeyAlias);
  return new PodmanBootcError(
    'ssh',
    'HOST_KEY_MISMATCH',
    `The guest on port ${t.port} shows the host key ${shown}, but ${expected} is pinned for ${name}`,
    {
      remedy: `If you know why the guest has a new key, remove the old one, and the next login pins it: ssh-keygen -R ${name} -f ${quoteForShell(t.knownHostsFile)}`,
    },
  );
}

async function readKnownHosts(t: LoginTarget): Promise<string> {
  let content: Buffer | string;
  try {
    content = await readRegularFile(t.knownHostsFile, longestFile);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return '';
    throw knownHostsUnusable(t, error);
  }
  if (typeof content === 'string') throw knownHostsUnusable(t, new Error(`it is ${content}`));
  return content.toString('utf8');
}

function knownHostsUnusable(t: LoginTarget, cause: unknown): PodmanBootcError {
  return new PodmanBootcError(
    'host',
    'KNOWN_HOSTS_UNUSABLE',
    `The known_hosts file ${t.knownHostsFile} cannot be read or written`,
    { remedy: 'Check that its directory exists and that you may write to it', cause },
  );
}
