import { openGreeted, type Greeted, type Ungreeted } from './banner.js';

/** Milliseconds that a connection is kept on which nothing is heard: for longer slirp does not try to reach the guest. */
const patience = 75_000;
const connectTimeout = 10_000;

/*
 * User-mode networks accept connections before the guest has a network. slirp asks the guest at once, after 6 s and then every
 * 12 s until 75 s, whether we have closed the connection or not (seen with QEMU 7.2). So what is open may be answered at any
 * moment, and what was closed reaches the guest's sshd all the same, as a client that leaves without a word. Each that does costs
 * an emulated guest a second of its processor, just when it boots; and when 15 come together, OpenSSH 9.8 and newer locks
 * everybody out (PerSourcePenalties, sshd_config(5)).
 *
 * So: four, 3 s apart, all of them kept open. Between them slirp asks the guest every 3 s, for as long as it takes.
 */
const silentSpacing = 3000;
const mostSilent = 4;

/** Connections to one port, each of which may be the one on which an SSH server shows its banner. */
export class Attempts implements Disposable {
  /** The first that does. Pending until then. */
  readonly greeted: Promise<Greeted>;
  /** Ends each that is open. One signal for all would have a listener per connection, of which Node warns from 11 on. */
  readonly #ends = new Set<AbortController>();
  #greet!: (greeted: Greeted) => void;
  #found: Greeted | undefined;
  #isClaimed = false;
  #openedAt = -Infinity;

  constructor(private readonly t: { host?: string; port: number }) {
    this.greeted = new Promise((resolve) => {
      this.#greet = resolve;
    });
  }

  /** Milliseconds until another is to be opened beside those that stay silent; Infinity until one of them has ended. */
  untilNext(): number {
    return this.#ends.size >= mostSilent
      ? Infinity
      : Math.max(0, this.#openedAt + silentSpacing - performance.now());
  }

  /**
   * Opens one more.
   * @param onSeen called when it was accepted, and when something came that is no banner yet
   * @returns why it shows no banner; pending while it may
   */
  open(onSeen: (what: 'connection' | 'words') => void): Promise<Ungreeted> {
    const end = new AbortController();
    this.#ends.add(end);
    this.#openedAt = performance.now();
    return new Promise((resolve) => {
      openGreeted(this.t, { connectTimeout, patience, signal: end.signal, onSeen }).then(
        (result) => {
          this.#ends.delete(end);
          if (!('socket' in result)) resolve(result);
          else if (end.signal.aborted || this.#found) result.socket.destroy();
          else {
            this.#found = result;
            this.#greet(result);
          }
        },
        () => {
          // Ended by `dispose`.
        },
      );
    });
  }

  /** Leaves the connection that was greeted to the caller. */
  claim(): void {
    this.#isClaimed = true;
  }

  /** Closes all but the one that was claimed. */
  [Symbol.dispose](): void {
    for (const end of this.#ends) end.abort();
    if (!this.#isClaimed) this.#found?.socket.destroy();
  }
}
