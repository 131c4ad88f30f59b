import { open } from 'node:fs/promises';

/**
 * The last lines of a console log, safe for a terminal: a guest decides what its console says, so escape
 * sequences and control characters are taken out.
 * @param lines how many at most; default 20
 * @returns undefined when there is no log or nothing in it
 */
export async function consoleTail(path: string | undefined, lines = 20): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    const length = Math.min(size, 32 * 1024);
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
    const text = printable(buffer.toString('utf8'));
    const last = text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .slice(-lines);
    return last.length === 0 ? undefined : `Last lines of the console:\n${last.join('\n')}`;
  } catch {
    // Without a log the error that led here is still worth more than this one.
    return undefined;
  }
}

/** Takes terminal control out of text: CSI and OSC sequences (ECMA-48), then all other control characters. */
export function printable(text: string): string {
  return (
    text
      .replaceAll('\r\n', '\n')
      // eslint-disable-next-line no-control-regex -- control characters are what is looked for
      .replace(/\u001b\[[0-?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)|\u001b[@-_]?/g, '')
      // eslint-disable-next-line no-control-regex -- likewise; newline and tab stay
      .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '')
  );
}
