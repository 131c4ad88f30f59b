import type { Greeted } from './banner.js';
import { connectClient, type LoggedIn, type LoginFailure } from './client.js';
import type { PinnedKey } from './known-hosts.js';
import type { LoginTarget } from './target.js';

/** How one attempt to log in ended. */
export type LoginOutcome = { kind: 'completed'; hostKey: Buffer } | LoginFailure;

/**
 * Logs in on a connection that has shown its banner, runs `true` there, and closes the connection.
 * @param pinned the keys that are trusted; with none, any host key is taken
 * @param o.timeout for key exchange, authentication and the command together, in milliseconds
 * @throws PodmanBootcError `SSH_NEGOTIATION_FAILED`; the signal's reason when aborted
 */
export async function logIn(
  t: LoginTarget,
  privateKey: Buffer,
  pinned: readonly PinnedKey[],
  greeted: Greeted,
  o: { timeout: number; signal?: AbortSignal | undefined },
): Promise<LoginOutcome> {
  const end = performance.now() + o.timeout;
  try {
    o.signal?.throwIfAborted();
    const outcome = await connectClient(t, privateKey, pinned, greeted, o);
    o.signal?.throwIfAborted();
    if (outcome.kind !== 'logged-in') return outcome;
    const answer = await runTrue(outcome, end - performance.now(), o.signal);
    o.signal?.throwIfAborted();
    return answer;
  } finally {
    greeted.socket.destroy();
  }
}

/** Runs `true` in a session: an account that may log in and not run anything is of no use. */
function runTrue(
  { client, hostKey, notice }: LoggedIn,
  timeout: number,
  signal: AbortSignal | undefined,
): Promise<LoginOutcome> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      settle({ kind: 'failed', problem: 'the login did not finish in time' });
    }, timeout);
    const onAbort = (): void => {
      settle({ kind: 'failed', problem: 'the wait was aborted' });
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    const settle = (outcome: LoginOutcome): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      client.removeAllListeners();
      client.on('error', () => undefined);
      client.end();
      resolve(outcome);
    };
    client.on('close', () => {
      settle({ kind: 'failed', problem: `the guest closed the connection${notice}` });
    });
    client.exec('true', (error, channel) => {
      if (error) {
        settle({ kind: 'failed', problem: `the guest opened no session (${error.message})${notice}` });
        return;
      }
      channel.on('exit', (code: number | null) => {
        if (code === 0) settle({ kind: 'completed', hostKey });
        else if (typeof code === 'number')
          settle({
            kind: 'refused',
            what: 'shell',
            problem: `the login shell ended \`true\` with exit code ${code}`,
          });
      });
      channel.on('close', () => {
        settle({ kind: 'failed', problem: `the guest closed the session${notice}` });
      });
      channel.resume();
      channel.stderr.resume();
    });
  });
}
