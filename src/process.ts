import { access, constants as fileConstants } from 'node:fs/promises';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { delimiter, join } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import { checkOfProgram } from './checks.js';
import { PodmanBootcError } from './errors.js';

/**
 * The reason of a signal behind which nobody waits. What is aborted for it is killed after half a second,
 * whatever its `killDelay`.
 */
export class DeadlineError extends Error {
  /** @param milliseconds how long was waited */
  constructor(milliseconds: number) {
    super(`no answer within ${milliseconds / 1000} s`);
    this.name = 'DeadlineError';
  }
}

/** How `runProcess` runs a program. */
export interface ProcessOptions {
  /** Ends the program with SIGTERM when aborted; the call rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Text for its standard input; by default it gets none. */
  input?: string | undefined;
  /** Variables added to the environment. */
  env?: Record<string, string> | undefined;
  /** Called with its stdout and stderr as they come, in pieces of any size. */
  onOutput?: ((chunk: string) => void) | undefined;
  /** Called with its process ID as soon as it runs. */
  onStart?: ((pid: number) => void) | undefined;
  /** After how many milliseconds it is killed; by default never. */
  timeout?: number | undefined;
  /** Milliseconds between SIGTERM and SIGKILL when aborted; default 20,000. */
  killDelay?: number | undefined;
  /**
   * Runs it in a process group of its own, so that a Ctrl-C on the terminal reaches us alone and we
   * decide how it ends. Default false.
   */
  detached?: boolean | undefined;
}

/** What a program that ended left behind. */
export interface ProcessResult {
  /** 128 + n for a program ended by signal n, as shells count; -1 when it ran into the time-out. */
  exitCode: number;
  stdout: string;
  stderr: string;
  /** Both streams, in the order in which they came. */
  all: string;
  timedOut: boolean;
}

/**
 * Runs a program without a shell and waits for it. An exit code other than 0 is a result, not an error.
 * execa takes 150 ms to import, so it is loaded at the first call.
 * @throws PodmanBootcError `PROGRAM_NOT_FOUND` when PATH lacks the program
 */
export async function runProcess(
  program: string,
  args: readonly string[],
  options: ProcessOptions = {},
): Promise<ProcessResult> {
  const { execa } = await import('execa');
  options.signal?.throwIfAborted();
  const child = execa(program, args, {
    reject: false,
    all: true,
    stripFinalNewline: true,
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
    ...(options.env && { env: options.env }),
    ...(options.timeout !== undefined && { timeout: options.timeout }),
    ...(options.signal && { cancelSignal: options.signal }),
    ...(options.detached && { detached: true, cleanup: true }),
    forceKillAfterDelay: options.killDelay ?? 20_000,
  });
  if (child.pid !== undefined) options.onStart?.(child.pid);
  const { onOutput } = options;
  if (onOutput)
    child.all.on('data', (chunk: Buffer | string) => {
      onOutput(String(chunk));
    });
  const { signal } = options;
  const onAbort = (): void => {
    if (signal) giveUp(child, signal);
  };
  signal?.addEventListener('abort', onAbort);
  const result = await child.finally(() => signal?.removeEventListener('abort', onAbort));
  if (result.isCanceled) options.signal?.throwIfAborted();
  if (result.code === 'ENOENT') throw programNotFound(program, result.cause);
  return {
    exitCode: exitCodeOf(result),
    stdout: result.stdout,
    stderr: result.stderr,
    all: result.all,
    timedOut: result.timedOut,
  };
}

function programNotFound(program: string, cause: unknown): PodmanBootcError {
  return new PodmanBootcError('host', 'PROGRAM_NOT_FOUND', `The program ${program} was not found in PATH`, {
    remedy: `Install ${program}, or add its directory to PATH`,
    cause,
    check: checkOfProgram[program],
  });
}

function exitCodeOf(result: { timedOut: boolean; exitCode?: number; signal?: NodeJS.Signals }): number {
  const signalNumber = result.signal ? constants.signals[result.signal] : undefined;
  return result.timedOut ? -1 : (result.exitCode ?? 128 + (signalNumber ?? 0));
}

/** Whether a program is in PATH. */
export async function isInstalled(program: string): Promise<boolean> {
  return (await findProgram(program)) !== undefined;
}

/**
 * The path of a program.
 * @param elsewhere directories to look into when PATH lacks it
 */
export async function findProgram(
  program: string,
  elsewhere: readonly string[] = [],
): Promise<string | undefined> {
  for (const directory of [...(process.env.PATH ?? '').split(delimiter), ...elsewhere]) {
    const path = join(directory, program);
    try {
      await access(path, fileConstants.X_OK);
      return path;
    } catch {
      // Not here; the next directory may have it.
    }
  }
  return undefined;
}

/**
 * Ends programs that may still run when `signal` says that nobody waits for them any longer: also those that
 * ignore SIGTERM, and those whose own children keep their output open.
 */
function giveUp(
  child: Pick<ChildProcess, 'kill' | 'stdout' | 'stderr'> & { all?: Readable },
  signal: AbortSignal,
): void {
  if (!(signal.reason instanceof DeadlineError)) return;
  setTimeout(() => {
    child.kill('SIGKILL');
    for (const stream of [child.stdout, child.stderr, child.all]) stream?.destroy();
  }, 500);
}

/** How `runPipeline` runs its programs. */
export interface PipelineOptions {
  signal?: AbortSignal | undefined;
  /** Called with the number of bytes that have gone from one to the other so far. */
  onProgress?: ((bytes: number) => void) | undefined;
}

/**
 * Runs `from | to` without a shell; nothing is kept in between. When one of them fails or the signal aborts, both end.
 * @returns what the last program left behind, or, when only the first failed, what that one did
 * @throws PodmanBootcError `PROGRAM_NOT_FOUND`, or the signal's reason
 */
export async function runPipeline(
  from: readonly [string, ...string[]],
  to: readonly [string, ...string[]],
  { signal, onProgress }: PipelineOptions = {},
): Promise<ProcessResult> {
  const [{ execa }, { pipeline }, { Transform }] = await Promise.all([
    import('execa'),
    import('node:stream/promises'),
    import('node:stream'),
  ]);
  signal?.throwIfAborted();
  const common = { reject: false, stripFinalNewline: true, ...(signal && { cancelSignal: signal }) } as const;
  // In process groups of their own, so that Ctrl-C on the terminal reaches us alone.
  const source = execa(from[0], from.slice(1), {
    ...common,
    stdin: 'ignore',
    buffer: { stdout: false },
    detached: true,
    cleanup: true,
  });
  const sink = execa(to[0], to.slice(1), { ...common, all: true, detached: true, cleanup: true });
  let bytes = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      onProgress?.(bytes);
      done(null, chunk);
    },
  });
  // A program that ends early breaks the pipe; its exit code says why.
  const flow = pipeline(source.stdout, count, sink.stdin).catch(() => {
    source.kill();
  });
  const [sent, received] = await Promise.all([source, sink, flow]);
  signal?.throwIfAborted();
  for (const [program, { code, cause }] of [
    [from[0], sent],
    [to[0], received],
  ] as const) {
    if (code === 'ENOENT') throw programNotFound(program, cause);
  }
  const failed = received.exitCode === 0 && sent.exitCode !== 0;
  return {
    exitCode: exitCodeOf(failed ? sent : received),
    stdout: failed ? '' : received.stdout,
    // A sink that got half of a stream blames the stream: the one that broke it goes last.
    stderr: sent.exitCode === 0 ? received.stderr : `${received.stderr}\n${sent.stderr}`.trim(),
    all: received.all,
    timedOut: false,
  };
}
