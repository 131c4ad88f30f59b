import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { PodmanBootcError } from '../errors.js';
import { Attempts } from './attempts.js';
import { openGreeted, type Greeted, type Ungreeted } from './banner.js';
import type { Refusal } from './client.js';
import { logIn } from './login.js';
import { hostKeyMismatch, pin, pinAlso, readPinnedKeys } from './pinning.js';
import type { LoginTarget } from './target.js';

export type { LoginTarget } from './target.js';

/** What `waitForLogin` waits for: a connection, the server's first line, the login itself. */
export type LoginPhase = 'connecting' | 'banner' | 'login';

/**
 * How an attempt to reach the guest's SSH server ended: nothing on this host accepts the connection; it is accepted and
 * closed at once, for nothing in the guest listens; nothing is heard; a server shows its banner.
 */
export type Attempt = 'refused' | 'closed' | 'silent' | 'greeted';

/** Between the starts of two attempts that are answered, in milliseconds. */
const spacing = 250;
/** Between two reports of a port that stays silent. */
const silenceReport = 2000;
/** For key exchange and authentication: emulated guests (TCG) are slow at both. */
const loginPatience = 60_000;
const defaultAuthenticationGrace = 30_000;

/**
 * Waits until an SSH login succeeds: a connection, the server's banner, key exchange and authentication on
 * that same connection, and `true` run in a session. No connection outlives the call.
 *
 * The host key must be one of those that `knownHostsFile` pins for the alias. If it pins none, the key of
 * this contact is pinned (written atomically, mode 0600) after the login succeeded.
 * @param o.timeout for everything, in milliseconds
 * @param o.authenticationGrace for how many milliseconds from the first refusal a refused key is tried
 *   again, because users and keys may come late in the boot; default 30,000
 * @param o.vouch asked about a host key that is not among the pinned ones: whether it is known to be the guest's all the
 *   same; it is pinned beside them then. Without it, or when it says no, that is a `HOST_KEY_MISMATCH`
 * @param o.expected aborts when the server is expected at any moment: the guest is up
 * @param o.onPhase called when the wait first reaches a phase
 * @param o.onAttempt called after each attempt to connect, and again and again while one stays silent
 * @returns whether this contact pinned the key, and the server's identification line
 * @throws PodmanBootcError `SSH_TIMEOUT`, `LOGIN_REFUSED`, `HOST_KEY_MISMATCH`, `KNOWN_HOSTS_DAMAGED`,
 *   `KNOWN_HOSTS_UNUSABLE`, `IDENTITY_UNUSABLE`, `SSH_NEGOTIATION_FAILED`; the signal's reason when aborted
 */
export async function waitForLogin(
  t: LoginTarget,
  o: {
    timeout: number;
    signal?: AbortSignal;
    authenticationGrace?: number;
    vouch?: (hostKey: Buffer) => Promise<boolean>;
    expected?: AbortSignal;
    onPhase?: (phase: LoginPhase) => void;
    onAttempt?: (attempt: Attempt) => void;
  },
): Promise<{ pinned: boolean; banner: string }> {
  o.signal?.throwIfAborted();
  let pinned = await readPinnedKeys(t);
  const privateKey = await readIdentity(t);
  const wait = new Wait(t, t.user, o);
  const grace = o.authenticationGrace ?? defaultAuthenticationGrace;
  let graceEnd: number | undefined;
  let refusals = 0;
  for (;;) {
    const greeted = await wait.nextGreeted();
    wait.reach('login');
    const outcome = await logIn(t, privateKey, pinned, greeted, {
      timeout: Math.min(loginPatience, wait.remaining),
      signal: o.signal,
    });
    if (outcome.kind === 'completed') {
      const isNew = pinned.length === 0 && (await pin(t, outcome.hostKey));
      return { pinned: isNew, banner: greeted.banner };
    }
    if (outcome.kind === 'unknown-key') {
      const { hostKey } = outcome;
      const isTheirs = await o.vouch?.(hostKey);
      o.signal?.throwIfAborted();
      if (isTheirs !== true) throw hostKeyMismatch(t, pinned, hostKey);
      await pinAlso(t, hostKey);
      pinned = await readPinnedKeys(t);
      continue;
    }
    if (outcome.kind === 'failed') {
      wait.note(`${greeted.banner} answers, but ${outcome.problem}`, true);
      wait.lastRefusal = undefined;
      continue;
    }
    graceEnd ??= performance.now() + grace;
    const left = Math.min(graceEnd - performance.now(), wait.remaining);
    if (left <= 0) throw loginRefused(t, outcome);
    // OpenSSH from 9.8 on locks an address out when refusals sum up to 15 s, each counting 5 s for as long
    // (PerSourcePenalties): 1, 2, 4 and then every 5 s stay below.
    const pause = Math.min(1000 * 2 ** refusals++, 5000, left);
    wait.lastRefusal = outcome;
    await wait.pause(pause);
  }
}

/**
 * Waits until an SSH server shows its banner, closes that connection, and returns the line.
 * @param o.timeout in milliseconds
 * @throws PodmanBootcError `SSH_TIMEOUT`; the signal's reason when aborted
 */
export async function waitForBanner(
  t: { host?: '127.0.0.1'; port: number },
  o: { timeout: number; signal?: AbortSignal },
): Promise<string> {
  o.signal?.throwIfAborted();
  const { socket, banner } = await new Wait(t, undefined, o).nextGreeted();
  socket.destroy();
  return banner;
}

/**
 * Whether the server shows a host key that is not among the pinned ones: then nobody can have logged in by those.
 * @param o.timeout in milliseconds; when it is over, the server has shown none
 * @throws what `waitForLogin` throws of files and negotiations; the signal's reason when aborted
 */
export async function showsUnknownKey(
  t: LoginTarget,
  o: { timeout: number; signal?: AbortSignal | undefined },
): Promise<boolean> {
  const pinned = await readPinnedKeys(t);
  const privateKey = await readIdentity(t);
  const greeted = await openGreeted(t, { connectTimeout: o.timeout, patience: o.timeout, signal: o.signal });
  if (!('socket' in greeted)) return false;
  return (await logIn(t, privateKey, pinned, greeted, o)).kind === 'unknown-key';
}

/** The clock of one wait, and what it has seen so far. */
class Wait {
  /** Why the last attempt failed, in words that end a sentence. */
  private problem = 'there was no time to connect';
  private wasConnected = false;
  /** Set once the server has refused the key: a better answer than that time ran out. */
  lastRefusal: Refusal | undefined;
  private readonly start = performance.now();
  private attemptedAt = -Infinity;
  private wasExpected = false;
  private phase: LoginPhase | undefined;

  constructor(
    private readonly t: { host?: string; port: number },
    /** Who logs in; undefined where only the banner is asked for. */
    private readonly user: string | undefined,
    private readonly o: {
      timeout: number;
      signal?: AbortSignal;
      expected?: AbortSignal;
      onPhase?: (phase: LoginPhase) => void;
      onAttempt?: (attempt: Attempt) => void;
    },
  ) {}

  /** Milliseconds until the time-out, at least 0. */
  get remaining(): number {
    return Math.max(0, this.start + this.o.timeout - performance.now());
  }

  /** Connects again and again until a server shows its banner. */
  async nextGreeted(): Promise<Greeted> {
    using attempts = new Attempts(this.t);
    for (;;) {
      await this.pause(this.attemptedAt + spacing - performance.now());
      // Timers may go off a little early: an attempt of a few milliseconds would show nothing.
      if (this.remaining < 10) throw this.timedOut();
      const result = await this.attempt(attempts);
      if ('socket' in result) {
        attempts.claim();
        this.o.onAttempt?.('greeted');
        return result;
      }
      this.o.onAttempt?.(result.closed ? 'closed' : result.connected ? 'silent' : 'refused');
      // An attempt that the time-out cut short knows less than the one before it.
      if (this.remaining < 10 && this.wasConnected) continue;
      if (result.connected) this.note(`the port is open, but ${result.problem}`, true);
      else this.note(result.problem, false);
    }
  }

  /** Opens a connection. @returns the first that shows a banner, or what became of this one when it is time for another */
  private async attempt(attempts: Attempts): Promise<Greeted | Ungreeted> {
    this.noticeExpected();
    this.attemptedAt = performance.now();
    this.reach('connecting');
    const silence: Ungreeted = {
      connected: false,
      closed: false,
      problem: 'the connection was not accepted in time',
    };
    const answer = Promise.race([
      attempts.greeted,
      attempts.open((what) => {
        silence.connected = true;
        silence.problem =
          what === 'words' ? 'what answers on the port is not an SSH server' : 'no SSH banner came';
        this.reach('banner');
      }),
    ]);
    for (;;) {
      const left = Math.min(attempts.untilNext(), this.remaining);
      const result = await this.within(Math.min(left, silenceReport), answer);
      if (result) return result;
      if (this.noticeExpected() || left <= silenceReport) return silence;
      if (silence.connected) this.o.onAttempt?.('silent');
    }
  }

  /** Whether the server is expected since the last look; then it is tried at once. */
  private noticeExpected(): boolean {
    if (this.wasExpected || this.o.expected?.aborted !== true) return false;
    this.wasExpected = true;
    return true;
  }

  /** @returns undefined when the time is over, or the server is expected now */
  private async within<T>(milliseconds: number, news: Promise<T>): Promise<T | undefined> {
    const over = new AbortController();
    const { signal, expected } = this.o;
    const signals = [over.signal, signal, this.wasExpected ? undefined : expected];
    const timer = sleep(milliseconds, undefined, {
      signal: AbortSignal.any(signals.filter((each) => each !== undefined)),
    }).catch(() => undefined);
    const result = await Promise.race([news, timer]);
    over.abort();
    signal?.throwIfAborted();
    return result;
  }

  /** Keeps why an attempt failed, and whether anything had accepted its connection. */
  note(problem: string, connected: boolean): void {
    this.problem = problem;
    this.wasConnected = connected;
  }

  /** Reports a phase that is farther than any before. */
  reach(phase: LoginPhase): void {
    const order: LoginPhase[] = ['connecting', 'banner', 'login'];
    if (this.phase !== undefined && order.indexOf(phase) <= order.indexOf(this.phase)) return;
    this.phase = phase;
    this.o.onPhase?.(phase);
  }

  /** Sleeps, but not beyond the time-out. */
  async pause(milliseconds: number): Promise<void> {
    this.o.signal?.throwIfAborted();
    const duration = Math.min(milliseconds, this.remaining);
    if (duration <= 0) return;
    try {
      await sleep(duration, undefined, this.o.signal && { signal: this.o.signal });
    } catch (error) {
      // Node rejects with an error of its own and keeps the reason as its cause.
      this.o.signal?.throwIfAborted();
      throw error;
    }
  }

  private timedOut(): PodmanBootcError {
    const { t, user, lastRefusal } = this;
    if (lastRefusal && user !== undefined) return loginRefused({ port: t.port, user }, lastRefusal);
    const what = user === undefined ? 'No SSH server answered' : `No SSH login as ${user} succeeded`;
    const seconds = Math.round(this.o.timeout / 100) / 10;
    return new PodmanBootcError(
      'boot',
      'SSH_TIMEOUT',
      `${what} on port ${t.port} within ${seconds} s: ${this.problem}`,
      { remedy: this.advice() },
    );
  }

  private advice(): string {
    switch (this.phase) {
      case 'login':
        return 'The guest has an SSH server: give it more time, or look at its journal on the console';
      case 'banner':
        return 'Look at the console of the guest: it may still be booting, or its image may have no sshd enabled';
      default:
        return 'Check that the VM still runs and that its SSH port is forwarded';
    }
  }
}

function loginRefused(t: { port: number; user: string }, refusal: Refusal): PodmanBootcError {
  const likely =
    t.user === 'root'
      ? 'its sshd forbids root (PermitRootLogin no: log in as another user)'
      : `the image has no user ${t.user}`;
  return new PodmanBootcError(
    'ssh',
    'LOGIN_REFUSED',
    `The guest on port ${t.port} does not let ${t.user} log in: ${refusal.problem}`,
    {
      remedy:
        refusal.what === 'shell'
          ? `Give ${t.user} a login shell in the image, or log in as another user`
          : `Most likely ${likely}, or its systemd is older than 252 and ignores the key it was handed`,
    },
  );
}

export async function readIdentity(t: LoginTarget): Promise<Buffer> {
  try {
    const text = await readFile(t.identityFile);
    const { default: ssh2 } = await import('ssh2');
    const key = ssh2.utils.parseKey(text);
    if (key instanceof Error) throw key;
    return text;
  } catch (cause) {
    throw new PodmanBootcError('ssh', 'IDENTITY_UNUSABLE', `The SSH key ${t.identityFile} cannot be used`, {
      remedy: 'Give a private key without passphrase that you may read',
      cause,
    });
  }
}
