import { runCommandLine } from '../../src/cli/main.js';
import { withEnvironment } from './environment.js';

/** How a command line ended. */
export interface Outcome {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/**
 * Runs a command line in this process as in one of its own that writes to pipes: to begin one takes a quarter of a second,
 * which the hundreds of command lines of the fast suite have no need of. What is about the process (its outputs, what it
 * loads, its end) starts one.
 * @param variables of its environment, where it is to have others
 */
export async function runInProcess(
  words: readonly string[],
  variables: Readonly<Record<string, string | undefined>> = {},
): Promise<Outcome> {
  const [stdout, stderr] = [divert(process.stdout), divert(process.stderr)];
  const removeListeners = watchListeners();
  const { exitCode } = process;
  process.exitCode = undefined;
  try {
    await withEnvironment(variables, () => runCommandLine(words));
    return { exitCode: exitCodeSet(), stdout: stdout.text(), stderr: stderr.text() };
  } finally {
    process.exitCode = exitCode;
    removeListeners();
    stdout.end();
    stderr.end();
  }
}

/** What the process would exit with. */
function exitCodeSet(): number {
  return Number(process.exitCode ?? 0);
}

/** Keeps what is written to a stream, which is no terminal meanwhile. */
function divert(stream: NodeJS.WriteStream): { text: () => string; end: () => void } {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- to be put back where it was
  const { write, isTTY } = stream;
  let text = '';
  Object.assign(stream, {
    isTTY: false,
    write: (chunk: string | Uint8Array) => {
      text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
      return true;
    },
  });
  return { text: () => text, end: () => Object.assign(stream, { write, isTTY }) };
}

/** A process ends with what listens to its signals; here they would add up. */
function watchListeners(): () => void {
  const present = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map(
    (signal) => [signal, process.listeners(signal)] as const,
  );
  return () => {
    for (const [signal, before] of present)
      for (const listener of process.listeners(signal))
        if (!before.includes(listener)) process.off(signal, listener);
  };
}
