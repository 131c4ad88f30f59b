import { Readable } from 'node:stream';
import type { Handle } from '../addon/handle.js';
import { notify } from '../notify.js';
import { asError, NativeStream, transferChunk, type Callback } from './native-stream.js';

/**
 * How much of a volume is asked for at once. libvirt's client takes what the daemon sends into memory, however
 * slowly it is read: a transfer of its own for each part bounds that.
 */
const part = 16n * 1024n * 1024n;

/** Opens a part of a volume. */
export type OpenPart = (offset: bigint, length: bigint) => Promise<Handle<'stream'>>;

/** What comes out of a volume. */
export class DownloadStream extends Readable {
  readonly #open: OpenPart;
  readonly #onProgress: ((bytes: number) => void) | undefined;
  #stream: NativeStream;
  /** Where the part that is open began, how long it is at most, and what has come of it. */
  #offset: bigint;
  #length: bigint;
  #received = 0n;
  /** Bytes wanted in all; undefined is to the end. */
  #wanted: bigint | undefined;
  /** Zeros yet to be delivered. */
  #hole = 0n;
  #bytes = 0;
  #reading = false;
  #stopped = false;

  /** Opens the first part, so that a volume that can't be read is known at once. */
  static async start(
    open: OpenPart,
    offset: bigint,
    wanted: bigint | undefined,
    onProgress: ((bytes: number) => void) | undefined,
  ): Promise<DownloadStream> {
    const length = partOf(wanted);
    return new DownloadStream(await open(offset, length), open, offset, length, wanted, onProgress);
  }

  private constructor(
    handle: Handle<'stream'>,
    open: OpenPart,
    offset: bigint,
    length: bigint,
    wanted: bigint | undefined,
    onProgress: ((bytes: number) => void) | undefined,
  ) {
    super({ highWaterMark: transferChunk });
    this.#stream = new NativeStream(handle);
    this.#open = open;
    this.#offset = offset;
    this.#length = length;
    this.#wanted = wanted;
    this.#onProgress = onProgress;
  }

  override _read(): void {
    if (this.#reading) return;
    this.#reading = true;
    this.#next().then(
      (chunk) => {
        this.#reading = false;
        if (chunk) {
          this.#bytes += chunk.length;
          if (this.#onProgress) notify(this.#onProgress, this.#bytes);
        }
        this.push(chunk);
      },
      (error: unknown) => {
        this.destroy(asError(error));
      },
    );
  }

  async #next(): Promise<Buffer | null> {
    for (;;) {
      if (this.#hole > 0n) {
        const length = this.#hole < BigInt(transferChunk) ? Number(this.#hole) : transferChunk;
        this.#hole -= BigInt(length);
        return Buffer.alloc(length);
      }
      const received = await this.#stream.receive(transferChunk);
      if (typeof received === 'bigint') {
        this.#received += received;
        this.#hole = received;
      } else if (received) {
        this.#received += BigInt(received.length);
        return received;
      } else {
        await this.#stream.finish();
        if (!(await this.#nextPart())) return null;
      }
    }
  }

  async #nextPart(): Promise<boolean> {
    if (this.#wanted !== undefined) this.#wanted -= this.#received;
    if (this.#received < this.#length || this.#wanted === 0n) return false;
    this.#offset += this.#received;
    this.#received = 0n;
    this.#length = partOf(this.#wanted);
    this.#stream = new NativeStream(await this.#open(this.#offset, this.#length));
    // It may have been destroyed in the meantime.
    if (this.#stopped) await this.#stream.abort();
    return !this.#stopped;
  }

  override _destroy(error: Error | null, callback: Callback): void {
    this.#stopped = true;
    void this.#stream.abort().then(() => {
      callback(error);
    });
  }
}

function partOf(wanted: bigint | undefined): bigint {
  return wanted === undefined || wanted > part ? part : wanted;
}
