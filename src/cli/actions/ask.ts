import { oneLine } from '../../terminal-text.js';
import { pauseView } from '../output/terminal.js';

/**
 * A yes-or-no question on the terminal; undefined where nobody can answer one. Everything but yes is no.
 */
export function askOnTerminal(): ((question: string) => Promise<boolean>) | undefined {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  return async (question) => {
    const { createInterface } = await import('node:readline/promises');
    const resume = pauseView();
    // On stderr, like every message: stdout is for what was asked for.
    const terminal = createInterface({ input: process.stdin, output: process.stderr });
    const interrupted = new AbortController();
    // The terminal is in raw mode: Ctrl-C arrives here, not as a signal.
    terminal.once('SIGINT', () => {
      interrupted.abort();
      process.kill(process.pid, 'SIGINT');
    });
    terminal.once('close', () => {
      interrupted.abort();
    });
    try {
      const answer = await terminal.question(`${oneLine(question)} [y/N] `, { signal: interrupted.signal });
      return /^y(es)?$/i.test(answer.trim());
    } catch {
      // Ctrl-C or the end of the input.
      return false;
    } finally {
      terminal.close();
      resume();
    }
  };
}
