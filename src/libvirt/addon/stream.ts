import type { Handle } from './handle.js';

/** What streams do: native/calls/stream.cc. One receives one thing at a time, and sends one thing at a time; none can be abandoned. */
export interface StreamAddon {
  /** Resolves with what has come, at most `size` bytes; the length of a hole; or null at the end. */
  streamReceive(stream: Handle<'stream'>, size: number): Promise<Buffer | bigint | null>;
  streamSend(stream: Handle<'stream'>, data: Uint8Array): Promise<undefined>;
  streamSendHole(stream: Handle<'stream'>, length: bigint): Promise<undefined>;
  /** Ends it when all is sent, and says whether all went well. A call that receives resolves with null. */
  streamFinish(stream: Handle<'stream'>): Promise<undefined>;
  /** Ends it at once. What waits is rejected. */
  streamAbort(stream: Handle<'stream'>): Promise<undefined>;
}
