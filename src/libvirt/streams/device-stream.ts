import { Duplex } from 'node:stream';
import type { Handle } from '../addon/handle.js';
import { asError, NativeStream, settle, type Callback } from './native-stream.js';

/** libvirt moves less of a console at once. */
const consoleChunk = 64 * 1024;

/** A console or a channel. */
export class DeviceStream extends Duplex {
  readonly #stream: NativeStream;
  #receiving = false;
  #over = false;

  constructor(handle: Handle<'stream'>) {
    super({ readableHighWaterMark: consoleChunk, writableHighWaterMark: consoleChunk, allowHalfOpen: false });
    this.#stream = new NativeStream(handle);
  }

  override _read(): void {
    if (this.#receiving) return;
    // Whoever ends it reads what had been delivered by then, and the end.
    if (this.#stream.hasEnded) {
      this.push(null);
      return;
    }
    this.#receiving = true;
    this.#stream.receive(consoleChunk).then(
      (received) => {
        this.#receiving = false;
        if (received === null) this.#over = true;
        this.push(typeof received === 'bigint' ? Buffer.alloc(Number(received)) : received);
      },
      (error: unknown) => {
        this.destroy(asError(error));
      },
    );
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: Callback): void {
    settle(this.#stream.send(chunk), callback);
  }

  override _writev(chunks: { chunk: Buffer }[], callback: Callback): void {
    settle(this.#stream.send(Buffer.concat(chunks.map(({ chunk }) => chunk))), callback);
  }

  override _final(callback: Callback): void {
    const finished = this.#stream.finish();
    // When the other end is gone there is nothing left that could fail.
    settle(this.#over ? finished.catch(() => undefined) : finished, callback);
  }

  override _destroy(error: Error | null, callback: Callback): void {
    void this.#stream.abort().then(() => {
      callback(error);
    });
  }
}
