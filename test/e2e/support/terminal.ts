import xterm from '@xterm/headless';
import { quoteForShell } from '../../../src/ssh/session.js';
import { cli } from '../../support/project.js';
import { start, type Running } from './cli.js';

/** Of the terminals that `startOnTerminal` makes. */
const size = { cols: 80, rows: 24 };

/** A program on a terminal. What the terminal got is its stdout. */
export interface OnTerminal extends Running {
  type(text: string): void;
  /** The terminal's modes, as `stty -g` says them: before, and after the program when it has ended. */
  modes(): string[];
  /** The process ID of podman-bootc. */
  pid(): number;
  /** What podman-bootc wrote, without what the shell around it said. */
  written(): string;
}

const beginning = '== begin ==\r\n';
const ending = '\r\n== end';

/**
 * Starts podman-bootc on a pseudo-terminal of 80 columns and 24 lines, made by util-linux's script(1). The exit code is
 * podman-bootc's.
 */
export function startOnTerminal(...args: readonly string[]): OnTerminal {
  const command = [process.execPath, cli, ...args].map(quoteForShell).join(' ');
  const line = `stty cols ${size.cols} rows ${size.rows}
    echo "modes=$(stty -g)"
    sh -c 'echo "pid=$$"; echo "== begin =="; exec "$0" "$@"' ${command}
    code=$?; printf '\\n== end, modes=%s\\n' "$(stty -g)"; exit $code`;
  const running = start('script', ['--quiet', '--return', '--command', line, '/dev/null'], {
    keepsInputOpen: true,
    env: { TERM: 'xterm-256color', LC_ALL: 'C.UTF-8', SHELL: '/bin/sh', NO_COLOR: '1' },
  });
  return {
    ...running,
    type: (text) => running.child.stdin?.write(text),
    modes: () => [...running.stdout().matchAll(/modes=([0-9a-f:]+)/g)].map(([, modes = '']) => modes),
    pid: () => Number(/^pid=(\d+)/m.exec(running.stdout())?.[1]),
    written: () => {
      const text = running.stdout();
      const begin = text.indexOf(beginning);
      const end = text.lastIndexOf(ending);
      return begin < 0 ? '' : text.slice(begin + beginning.length, end < 0 ? undefined : end);
    },
  };
}

/** What somebody sees of what was written to such a terminal, with what has scrolled away. */
export async function screenOf(written: string): Promise<{ text: string; buffer: 'normal' | 'alternate' }> {
  const terminal = new xterm.Terminal({ ...size, scrollback: 10_000, allowProposedApi: true });
  await new Promise<void>((resolve) => {
    terminal.write(written, resolve);
  });
  const { active } = terminal.buffer;
  const lines = Array.from({ length: active.length }, (_, row) =>
    active.getLine(row)?.translateToString(true),
  );
  const buffer = active.type;
  terminal.dispose();
  return { text: lines.join('\n').trimEnd(), buffer };
}

/** Whether the cursor is shown after all of this (DECTCEM). */
export function isCursorShown(written: string): boolean {
  return written.lastIndexOf('\u001b[?25h') >= written.lastIndexOf('\u001b[?25l');
}
