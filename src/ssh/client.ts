import type { Client, ClientErrorExtensions, ServerHostKeyAlgorithm } from 'ssh2';
import { messageOf, PodmanBootcError } from '../errors.js';
import type { Greeted } from './banner.js';
import type { PinnedKey } from './known-hosts.js';
import type { LoginTarget } from './target.js';

/** A client that is logged in. Whoever has it ends it. */
export interface LoggedIn {
  kind: 'logged-in';
  client: Client;
  hostKey: Buffer;
  /** What sshd said before it let us in, as the end of a sentence: "System is booting up. Unprivileged users …". */
  notice: string;
}

/** How an attempt to log in ended that did not succeed. */
export type LoginFailure =
  | Refusal
  /** It shows a host key that is not among the pinned ones; nothing was sent to it. */
  | { kind: 'unknown-key'; hostKey: Buffer }
  /** Anything that a guest which is still starting does: worth another attempt. */
  | { kind: 'failed'; problem: string };

/** The server heard us out and refused the key, or the user's shell refused the command. */
export interface Refusal {
  kind: 'refused';
  what: 'key' | 'shell';
  /** In words that end a sentence. */
  problem: string;
}

/** In the order of our preference; `ssh-rsa` signatures (SHA-1) are not among them. */
const hostKeyAlgorithms: readonly ServerHostKeyAlgorithm[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
];

/**
 * Logs in on a connection that has shown its banner.
 * @param pinned the keys that are trusted; with none, any host key is taken
 * @param o.timeout for key exchange and authentication, in milliseconds
 * @throws PodmanBootcError `SSH_NEGOTIATION_FAILED`
 */
export async function connectClient(
  t: Pick<LoginTarget, 'user'>,
  privateKey: Buffer,
  pinned: readonly PinnedKey[],
  { socket }: Greeted,
  o: { timeout: number; signal?: AbortSignal | undefined },
): Promise<LoggedIn | LoginFailure> {
  const { default: ssh2 } = await import('ssh2');
  const client = new ssh2.Client();
  return new Promise((resolve, reject) => {
    let hostKey: Buffer | undefined;
    let isUnknown = false;
    let notice = '';
    const timer = setTimeout(() => {
      settle({ kind: 'failed', problem: 'the login did not finish in time' });
    }, o.timeout);
    o.signal?.addEventListener('abort', onAbort, { once: true });

    client.on('banner', (text) => {
      notice = `: ${text.trim().replaceAll(/\s+/g, ' ')}`;
    });
    client.on('ready', () => {
      // The verifier has seen it, or there would be no login.
      if (hostKey) settle({ kind: 'logged-in', client, hostKey, notice });
    });
    client.on('error', onError);
    client.on('close', () => {
      settle({ kind: 'failed', problem: `the guest closed the connection${notice}` });
    });
    try {
      client.connect({
        sock: socket,
        username: t.user,
        privateKey,
        authHandler: ['publickey'],
        readyTimeout: 0,
        hostVerifier: verify,
        algorithms: { serverHostKey: preferred(pinned) },
      });
    } catch (error) {
      settle(error instanceof Error ? error : new Error(messageOf(error)));
    }

    function verify(key: Buffer): boolean {
      hostKey = key;
      isUnknown = pinned.length > 0 && !pinned.some((known) => known.key.equals(key));
      return !isUnknown;
    }
    function onError(error: Error & ClientErrorExtensions) {
      if (isUnknown && hostKey) {
        settle({ kind: 'unknown-key', hostKey });
      } else if (error.level === 'client-authentication') {
        settle({ kind: 'refused', what: 'key', problem: `the key was refused${notice}` });
      } else if (error.level === 'handshake' && error.message.includes('no matching')) {
        settle(negotiationFailed(error));
      } else {
        settle({ kind: 'failed', problem: `${messageOf(error)}${notice}` });
      }
    }
    function onAbort() {
      settle({ kind: 'failed', problem: 'the wait was aborted' });
    }
    /** Ends the attempt once: the first outcome counts, and errors that follow are nobody's concern. */
    function settle(outcome: LoggedIn | LoginFailure | Error) {
      clearTimeout(timer);
      o.signal?.removeEventListener('abort', onAbort);
      client.removeAllListeners();
      client.on('error', () => undefined);
      if (outcome instanceof Error || outcome.kind !== 'logged-in') client.end();
      if (outcome instanceof Error) reject(outcome);
      else resolve(outcome);
    }
  });
}

/**
 * The pinned types come first, so that a server which still has the pinned key shows it. The others follow
 * and are refused by the verifier: a guest that has lost the key is then named with the key it shows.
 */
function preferred(pinned: readonly PinnedKey[]): ServerHostKeyAlgorithm[] {
  const types = new Set(pinned.map(({ type }) => type));
  const isPinned = (algorithm: ServerHostKeyAlgorithm) =>
    types.has(algorithm.startsWith('rsa-') ? 'ssh-rsa' : algorithm);
  return [
    ...hostKeyAlgorithms.filter(isPinned),
    ...hostKeyAlgorithms.filter((algorithm) => !isPinned(algorithm)),
  ];
}

function negotiationFailed(cause: Error): PodmanBootcError {
  return new PodmanBootcError(
    'ssh',
    'SSH_NEGOTIATION_FAILED',
    `The guest's SSH server and podman-bootc have no algorithm in common (${cause.message})`,
    { remedy: 'Allow curve25519-sha256, aes256-ctr and ssh-ed25519 in the sshd_config of the image', cause },
  );
}
