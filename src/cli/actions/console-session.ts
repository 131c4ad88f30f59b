import { once } from 'node:events';
import type { Duplex, Readable, Writable } from 'node:stream';

/** Ctrl-], as virsh and telnet have it. */
const escape = 0x1d;

/**
 * What a guest may have left a terminal in: attributes, a hidden cursor, no wrapping, application keys, mouse
 * reports, bracketed paste, another character set (xterm's ctlseqs).
 */
const restore =
  '\u001b[0m\u001b[?25h\u001b[?7h\u001b[?1l\u001b>\u001b[?1000l\u001b[?1002l\u001b[?1003l\u001b[?1006l\u001b[?2004l\u000f\u001b(B';
// eslint-disable-next-line no-control-regex -- control sequences are what is looked for
const enterAlternate = /\u001b\[\?(?:47|1047|1049)h/;
// eslint-disable-next-line no-control-regex -- likewise
const leaveAlternate = /\u001b\[\?(?:47|1047|1049)l/;

/** A terminal's input, or something that is read like it. */
type Input = Readable & { isTTY?: boolean; setRawMode?: (raw: boolean) => unknown };

/**
 * Connects a console with a terminal until one of them ends, the escape is typed, or the signal aborts. The terminal
 * is raw meanwhile, and what it was afterwards, however this ends; also when the process exits in between.
 * When the input ends, what the console says is shown until it ends.
 * @returns `escaped` after the escape, `ended` when the console did
 * @throws the signal's reason; what the console fails with
 */
export async function attachConsole(
  console: Duplex,
  input: Input,
  output: Writable & { isTTY?: boolean },
  signal: AbortSignal,
): Promise<'escaped' | 'ended'> {
  let isAlternate = false;
  let isRestored = false;
  const isTerminal = input.isTTY === true && input.setRawMode !== undefined;
  const restoreTerminal = (): void => {
    if (isRestored) return;
    isRestored = true;
    if (isTerminal) input.setRawMode?.(false);
    if (output.isTTY) output.write(`${isAlternate ? '\u001b[?1049l' : ''}${restore}`);
  };
  process.once('exit', restoreTerminal);
  const done = new AbortController();
  const typed = readInput(console, input, done.signal);
  try {
    if (isTerminal) input.setRawMode?.(true);
    const shown = (async (): Promise<'ended'> => {
      let before = '';
      for await (const chunk of console as AsyncIterable<Buffer>) {
        const text = before + chunk.toString('latin1');
        if (leaveAlternate.test(text)) isAlternate = false;
        if (enterAlternate.test(text)) isAlternate = true;
        before = text.slice(-8);
        if (!output.write(chunk)) await once(output, 'drain', { signal: done.signal });
      }
      return 'ended';
    })();
    // When the other one wins, what becomes of this one is nobody's concern.
    shown.catch(() => undefined);
    return await Promise.race([shown, typed]);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    done.abort();
    console.destroy();
    input.pause();
    restoreTerminal();
    process.off('exit', restoreTerminal);
  }
}

/** Resolves at the escape. */
function readInput(console: Duplex, input: Input, signal: AbortSignal): Promise<'escaped'> {
  return new Promise((resolve) => {
    const onData = (chunk: Buffer | string): void => {
      const bytes = Buffer.from(chunk);
      const at = bytes.indexOf(escape);
      const typed = at < 0 ? bytes : bytes.subarray(0, at);
      const isTaken = typed.length === 0 || console.write(typed);
      if (at >= 0) resolve('escaped');
      else if (!isTaken) {
        input.pause();
        console.once('drain', () => input.resume());
      }
    };
    input.on('data', onData);
    signal.addEventListener('abort', () => {
      input.off('data', onData);
    });
  });
}
