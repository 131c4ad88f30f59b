import { Writable } from 'node:stream';
import type { Handle } from '../addon/handle.js';
import { notify } from '../notify.js';
import { NativeStream, settle, transferChunk, type Callback } from './native-stream.js';

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
    handle: Handle<'stream'>,
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
