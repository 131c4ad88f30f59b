import type { Client } from 'ssh2';
import { Readable, type Duplex } from 'node:stream';
import { messageOf, PodmanBootcError } from '../errors.js';
import { LastText, WholeText } from '../kept-text.js';
import { MiB } from '../sizes.js';
import { openGreeted } from './banner.js';
import { connectClient } from './client.js';
import { hostKeyMismatch, readPinnedKeys } from './pinning.js';
import { readIdentity } from './readiness.js';
import type { LoginTarget } from './target.js';

/** What a command in a guest left behind. */
export interface GuestResult {
  /** Undefined when it was ended by a signal, or the connection was lost. */
  exitCode: number | undefined;
  stdout: string;
  /** Its end, up to 1 MiB. */
  stderr: string;
}

/** What is kept of what a command prints, in characters. */
const mostOutput = 16 * MiB;
const mostOfErrors = 1 * MiB;

/**
 * One login on a guest, for several commands: under emulation a login costs more than a second of the guest's processor, a command
 * on a connection that is there a third of that. Everything goes through our own process: no program, and no socket that others
 * could find.
 */
export class GuestConnection implements Disposable {
  /** Aborts when the connection has ended, whoever ended it. */
  readonly closed: AbortSignal;

  private constructor(
    private readonly t: LoginTarget,
    private readonly client: Client,
  ) {
    const closed = new AbortController();
    client.once('close', () => {
      closed.abort();
    });
    this.closed = closed.signal;
  }

  /**
   * Logs in on a guest that is up. The host key must be a pinned one.
   * @param o.timeout for all of it, in milliseconds; default 60,000
   * @param o.bannerTimeout of that, for the server's first line; default all of it
   * @throws PodmanBootcError `CONNECTION_FAILED`, `HOST_KEY_MISMATCH` and what `waitForLogin` throws of files and negotiations; the
   *   signal's reason when aborted
   */
  static async open(
    t: LoginTarget,
    o: { timeout?: number; bannerTimeout?: number; signal?: AbortSignal | undefined } = {},
  ): Promise<GuestConnection> {
    const timeout = o.timeout ?? 60_000;
    const patience = o.bannerTimeout ?? timeout;
    const pinned = await readPinnedKeys(t);
    const privateKey = await readIdentity(t);
    const begin = performance.now();
    const greeted = await openGreeted(t, { connectTimeout: patience, patience, signal: o.signal });
    if (!('socket' in greeted)) throw connectionFailed(t, greeted.problem);
    const outcome = await connectClient(t, privateKey, pinned, greeted, {
      timeout: timeout - (performance.now() - begin),
      signal: o.signal,
    });
    if (outcome.kind === 'logged-in') return new GuestConnection(t, outcome.client);
    greeted.socket.destroy();
    o.signal?.throwIfAborted();
    if (outcome.kind === 'unknown-key') throw hostKeyMismatch(t, pinned, outcome.hostKey);
    throw connectionFailed(t, outcome.problem);
  }

  /**
   * Runs a command line of the user's shell, and waits for it. An exit code other than 0 is a result, not an error; so is that the
   * guest went down meanwhile.
   * @param o.input for its standard input: text, or bytes as they come, whose error ends the command; by default it gets none
   * @param o.onOutput called with its stdout and stderr as they come, in pieces of any size
   * @throws PodmanBootcError `CONNECTION_FAILED` when the guest opens no session; the signal's reason when aborted, which also
   *   ends the connection
   */
  async run(
    command: string,
    o: {
      input?: string | AsyncIterable<Buffer> | undefined;
      onOutput?: ((chunk: string) => void) | undefined;
      signal?: AbortSignal | undefined;
    } = {},
  ): Promise<GuestResult> {
    o.signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
      const stdout = new WholeText(mostOutput);
      const stderr = new LastText(mostOfErrors);
      let exitCode: number | undefined;
      let broken: Error | undefined;
      const settle = (end: () => void): void => {
        o.signal?.removeEventListener('abort', onAbort);
        this.client.off('close', onClose);
        end();
      };
      const finished = (): void => {
        settle(() => {
          if (broken) reject(broken);
          else resolve({ exitCode, stdout: stdout.text, stderr: stderr.text });
        });
      };
      const onClose = finished;
      const onAbort = (): void => {
        this[Symbol.dispose]();
        settle(() => {
          reject(o.signal?.reason as Error);
        });
      };
      o.signal?.addEventListener('abort', onAbort, { once: true });
      this.client.on('close', onClose);
      this.client.exec(command, (error, channel) => {
        if (error) {
          settle(() => {
            reject(connectionFailed(this.t, `it opened no session (${messageOf(error)})`));
          });
          return;
        }
        channel.setEncoding('utf8');
        channel.stderr.setEncoding('utf8');
        channel.on('data', (chunk: string) => {
          stdout.push(chunk);
          o.onOutput?.(chunk);
        });
        channel.stderr.on('data', (chunk: string) => {
          stderr.push(chunk);
          o.onOutput?.(chunk);
        });
        channel.on('exit', (code: number | null) => {
          exitCode = code ?? undefined;
        });
        channel.on('close', finished);
        channel.on('error', () => undefined);
        if (o.input === undefined || typeof o.input === 'string') {
          channel.end(o.input);
          return;
        }
        const input = Readable.from(o.input, { objectMode: false });
        // Whoever does not read to the end has ended, and says why.
        channel.on('close', () => input.destroy());
        // The command is not told that all is there, but loses its channel.
        input.on('error', (error) => {
          broken = error;
          channel.close();
        });
        input.pipe(channel);
      });
    });
  }

  /**
   * Lets a port of the guest's loopback address lead here, for as long as the connection lasts.
   * @param onConnection called with each connection that a program in the guest makes to it
   * @returns the port, which the guest chose
   * @throws PodmanBootcError `FORWARDING_REFUSED` where its sshd forbids that (AllowTcpForwarding, sshd_config(5))
   */
  async forward(onConnection: (connection: Duplex) => void): Promise<number> {
    this.client.on('tcp connection', (_details, accept) => {
      onConnection(accept());
    });
    return new Promise((resolve, reject) => {
      this.client.forwardIn('127.0.0.1', 0, (error, port) => {
        if (!error) {
          resolve(port);
          return;
        }
        reject(
          new PodmanBootcError(
            'ssh',
            'FORWARDING_REFUSED',
            "The guest's sshd refuses to forward a port to this host",
            {
              remedy: 'Set AllowTcpForwarding to yes or remote in its sshd_config',
              cause: error,
            },
          ),
        );
      });
    });
  }

  [Symbol.dispose](): void {
    this.client.end();
  }
}

function connectionFailed({ port }: LoginTarget, problem: string): PodmanBootcError {
  return new PodmanBootcError(
    'ssh',
    'CONNECTION_FAILED',
    `The guest on port ${port} could not be logged in to: ${problem}`,
    {
      remedy: 'See how it is with `podman-bootc status VM`',
    },
  );
}
