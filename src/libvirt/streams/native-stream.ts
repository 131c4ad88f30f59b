import { addAbortSignal, type Readable, type Writable } from 'node:stream';
import type { Handle } from '../addon/handle.js';
import type { CallOptions } from '../arguments.js';
import { errorOf } from '../error.js';
import { loadAddon } from '../load.js';

export type Callback = (error?: Error | null) => void;

/** How much of a transfer is gathered before JavaScript is called. */
export const transferChunk = 1024 * 1024;

export function asError(thrown: unknown): Error {
  const error = errorOf(thrown);
  return error instanceof Error ? error : new Error(String(error));
}

/** Settles a callback of a stream with a promise. */
export function settle(promise: Promise<unknown>, callback: Callback): void {
  promise.then(
    () => {
      callback();
    },
    (error: unknown) => {
      callback(asError(error));
    },
  );
}

/** A stream of libvirt's, which ends once: finished or aborted. */
export class NativeStream {
  readonly #handle: Handle<'stream'>;
  #ended = false;

  constructor(handle: Handle<'stream'>) {
    this.#handle = handle;
  }

  /** What was asked for before is still answered; nothing can be asked for any longer. */
  get hasEnded(): boolean {
    return this.#ended;
  }

  receive(size: number): Promise<Buffer | bigint | null> {
    return loadAddon().streamReceive(this.#handle, size);
  }

  async send(data: Uint8Array): Promise<void> {
    await loadAddon().streamSend(this.#handle, data);
  }

  async sendHole(length: number): Promise<void> {
    await loadAddon().streamSendHole(this.#handle, BigInt(length));
  }

  async finish(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await loadAddon().streamFinish(this.#handle);
  }

  /** Never rejects: a stream that cannot be aborted has ended in another way. */
  async abort(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await loadAddon()
      .streamAbort(this.#handle)
      .catch(() => undefined);
  }
}

/** The signal of the call that opened a stream also destroys the stream later. */
export function withSignal<Stream extends Readable | Writable>(
  { signal }: CallOptions,
  stream: Stream,
): Stream {
  if (signal) addAbortSignal(signal, stream);
  return stream;
}
