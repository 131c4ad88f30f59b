import { Duplex, Readable, Writable } from 'node:stream';
import { loadAddon } from '../addon/addon.js';
import { errorOf } from '../error.js';
import type { StreamHandle } from '../addon/objects.js';
import { notify } from '../notify.js';

type Callback = (error?: Error | null) => void;

/** What libvirt moves of a console at once is less; a transfer gathers more before JavaScript is called. */
const consoleChunk = 64 * 1024;
const transferChunk = 1024 * 1024;

/**
 * How much of a volume is asked for at once. libvirt's client takes what the daemon sends into memory, however
 * slowly it is read: a transfer of its own for each part bounds that.
 */
const part = 16n * 1024n * 1024n;

function asError(thrown: unknown): Error {
  const error = errorOf(thrown);
  return error instanceof Error ? error : new Error(String(error));
}

/** Settles a callback of a stream with a promise. */
function settle(promise: Promise<unknown>, callback: Callback): void {
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
class NativeStream {
  readonly #handle: StreamHandle;
  #ended = false;

  constructor(handle: StreamHandle) {
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

/** A console or a channel. */
export class DeviceStream extends Duplex {
  readonly #stream: NativeStream;
  #receiving = false;
  #over = false;

  constructor(handle: StreamHandle) {
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

/** A part of a sparse upload: bytes, or how many zeros. */
function* runsOf(data: Buffer): Generator<Buffer | number> {
  let begin = 0;
  let hole: boolean | undefined;
  for (let at = 0; at < data.length; at += zeros.length) {
    const block = data.subarray(at, at + zeros.length);
    const isHole = block.equals(zeros.subarray(0, block.length));
    if (hole !== undefined && isHole !== hole) {
      yield hole ? at - begin : data.subarray(begin, at);
      begin = at;
    }
    hole = isHole;
  }
  if (hole !== undefined) yield hole ? data.length - begin : data.subarray(begin);
}
const zeros = Buffer.alloc(16 * 1024);

/** What goes into a volume. */
export class UploadStream extends Writable {
  readonly #stream: NativeStream;
  readonly #sparse: boolean;
  readonly #onProgress: ((bytes: number) => void) | undefined;
  #bytes = 0;

  constructor(
    handle: StreamHandle,
    { sparse, onProgress }: { sparse: boolean; onProgress: ((bytes: number) => void) | undefined },
  ) {
    super({ highWaterMark: transferChunk, decodeStrings: true });
    this.#stream = new NativeStream(handle);
    this.#sparse = sparse;
    this.#onProgress = onProgress;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: Callback): void {
    settle(this.#send(chunk), callback);
  }

  override _writev(chunks: { chunk: Buffer }[], callback: Callback): void {
    settle(this.#send(Buffer.concat(chunks.map(({ chunk }) => chunk))), callback);
  }

  async #send(data: Buffer): Promise<void> {
    if (this.#sparse)
      for (const run of runsOf(data))
        await (typeof run === 'number' ? this.#stream.sendHole(run) : this.#stream.send(run));
    else await this.#stream.send(data);
    this.#bytes += data.length;
    if (this.#onProgress) notify(this.#onProgress, this.#bytes);
  }

  override _final(callback: Callback): void {
    settle(this.#stream.finish(), callback);
  }

  override _destroy(error: Error | null, callback: Callback): void {
    void this.#stream.abort().then(() => {
      callback(error);
    });
  }
}

/** Opens a part of a volume. */
export type OpenPart = (offset: bigint, length: bigint) => Promise<StreamHandle>;

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
    handle: StreamHandle,
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
