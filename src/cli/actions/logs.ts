import { once } from 'node:events';
import { ConsoleText } from '../../boot/console-text.js';
import { listenForInterrupt } from './interrupt.js';
import { openClient } from './open-client.js';
import type { WhichBoot } from '../../vm/host/console-source.js';
import type { GlobalOptions } from '../options.js';

/** `podman-bootc logs VM` */
export async function logs(
  vm: string,
  options: GlobalOptions & { follow?: boolean; since?: Date; boot?: WhichBoot },
): Promise<void> {
  const interrupt = listenForInterrupt();
  await using client = await openClient(options, interrupt.signal);
  // A file or a pipe gets what the guest wrote; a terminal would obey it.
  const write = process.stdout.isTTY ? sanitizing() : writeOut;
  const chunks = client.consoleLog(vm, {
    follow: options.follow,
    since: options.since,
    boot: options.boot,
    signal: interrupt.signal,
  });
  for await (const chunk of chunks) {
    interrupt.signal.throwIfAborted();
    await write(chunk);
  }
  if (process.stdout.isTTY) await write(undefined);
}

async function writeOut(chunk: Buffer | string | undefined): Promise<void> {
  if (chunk !== undefined && !process.stdout.write(chunk)) await once(process.stdout, 'drain');
}

/** Writes lines without control characters; the last, unfinished one too, as it grows. */
function sanitizing(): (chunk: Buffer | undefined) => Promise<void> {
  let lines = '';
  let shown = '';
  const text = new ConsoleText((line, overwritten) => {
    // What of it stood there already is not repeated.
    if (!overwritten) lines += `${line.startsWith(shown) ? line.slice(shown.length) : `\n${line}`}\n`;
    else if (shown !== '') lines += '\n';
    shown = '';
  });
  return async (chunk) => {
    lines = '';
    if (chunk) text.push(chunk);
    const { partial } = text;
    if (partial !== shown && partial.startsWith(shown)) {
      lines += partial.slice(shown.length);
      shown = partial;
    }
    if (!chunk && shown !== '') lines += '\n';
    await writeOut(lines);
  };
}
