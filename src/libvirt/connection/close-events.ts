import { notify } from '../notify.js';

/**
 * Why a connection ended: a broken transport, the daemon hanging up, the daemon not answering any longer, or
 * our own `close()`.
 */
export type CloseReason = 'error' | 'eof' | 'keepalive' | 'client';

/** By virConnectCloseReason. */
const reasons: readonly CloseReason[] = ['error', 'eof', 'keepalive', 'client'];

/**
 * Listeners for the end of one connection. An object of its own because the addon refers to it: if that were
 * the connection, the garbage collector could never take a connection that was forgotten.
 */
export class CloseEvents {
  readonly #listeners = new Set<{ listener: (reason: CloseReason) => void }>();
  #reason: CloseReason | undefined;

  readonly end = (reason: CloseReason | number): void => {
    if (this.#reason !== undefined) return;
    this.#reason = typeof reason === 'number' ? (reasons[reason] ?? 'error') : reason;
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const { listener } of listeners) notify(listener, this.#reason);
  };

  add(listener: (reason: CloseReason) => void): () => void {
    const entry = { listener };
    this.#listeners.add(entry);
    const reason = this.#reason;
    if (reason !== undefined)
      queueMicrotask(() => {
        if (this.#listeners.delete(entry)) notify(listener, reason);
      });
    return () => {
      this.#listeners.delete(entry);
    };
  }
}
