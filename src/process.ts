import { access, constants as fileConstants } from 'node:fs/promises';
import { constants } from 'node:os';
import { delimiter, join } from 'node:path';
import { spawn, type ChildProcess } from 'node:child_process';
import { checkOfProgram } from './checks.js';
import { programEnvironment, searchPath, workingDirectory } from './environment.js';
import { messageOf, PodmanBootcError } from './errors.js';
import { LastText, WholeText } from './kept-text.js';
import { formatSize, MiB } from './sizes.js';

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
  /** After how many milliseconds it is ended, and half a second later killed; by default never. */
  timeout?: number | undefined;
  /** How a sentence names it; default: the program. */
  name?: string | undefined;
  /**
   * What is kept of its standard output: the whole, up to 64 MiB, or the end, 1 MiB, of a program that tells how far it
   * is. Default `whole`.
   */
  keep?: 'whole' | 'end' | undefined;
  /** Whose words it uses: those that we can read, or our user's. Default `C`. */
  locale?: 'C' | 'ours' | undefined;
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
  /** Its end, up to 1 MiB. */
  stderr: string;
  /** The end of both streams, in the order in which they came; up to 1 MiB. */
  all: string;
  timedOut: boolean;
}

/** The most that is kept of what a program prints, in characters: far more than podman says of thousands of images. */
const mostOutput = 64 * MiB;
const mostOfEnd = 1 * MiB;

/** Milliseconds between a request to end and the end, where nobody waits any longer. */
const lastPatience = 500;

/**
 * Runs a program without a shell and waits for it. An exit code other than 0 is a result, not an error.
 * execa takes 150 ms to import, so it is loaded at the first call.
 * @throws PodmanBootcError `PROGRAM_NOT_FOUND` when PATH lacks the program, `PROGRAM_NOT_STARTED`,
 *   `PROGRAM_OUTPUT_TOO_LONG`
 */
export async function runProcess(
  program: string,
  args: readonly string[],
  options: ProcessOptions = {},
): Promise<ProcessResult> {
  const { execa } = await import('execa');
  const { signal, onOutput, name = program } = options;
  signal?.throwIfAborted();
  const child = execa(program, args, {
    reject: false,
    // What it prints is kept here, where there is a limit.
    buffer: false,
    cwd: workingDirectory(),
    env: { ...programEnvironment(options.locale), ...options.env },
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
    ...(signal && { cancelSignal: signal }),
    ...(options.detached && { detached: true, cleanup: true }),
    forceKillAfterDelay: options.killDelay ?? 20_000,
  });
  if (child.pid !== undefined) options.onStart?.(child.pid);
  const stdout = options.keep === 'end' ? new LastText(mostOfEnd) : new WholeText(mostOutput);
  const [stderr, all] = [new LastText(mostOfEnd), new LastText(mostOfEnd)];
  const state = { isTooLong: false, timedOut: false };
  const take = (kept: LastText | WholeText, chunk: string): void => {
    if (!kept.push(chunk)) {
      state.isTooLong = true;
      end(child);
      return;
    }
    all.push(chunk);
    onOutput?.(chunk);
  };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    take(stdout, chunk);
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    take(stderr, chunk);
  });
  const timer =
    options.timeout !== undefined && Number.isFinite(options.timeout)
      ? setTimeout(() => {
          state.timedOut = true;
          child.kill('SIGTERM');
          setTimeout(end, lastPatience, child).unref();
        }, options.timeout)
      : undefined;
  const onAbort = (): void => {
    if (signal?.reason instanceof DeadlineError) setTimeout(end, lastPatience, child);
  };
  signal?.addEventListener('abort', onAbort);
  const result = await child.finally(() => {
    signal?.removeEventListener('abort', onAbort);
    clearTimeout(timer);
  });
  if (result.isCanceled) signal?.throwIfAborted();
  if (child.pid === undefined) throw notStarted(program, result);
  if (state.isTooLong) {
    throw new PodmanBootcError(
      'host',
      'PROGRAM_OUTPUT_TOO_LONG',
      `Expected ${name} to print at most ${formatSize(mostOutput)}, got more; it was ended`,
      { remedy: 'Run it yourself to see what it prints', check: checkOfProgram[program] },
    );
  }
  return {
    exitCode: state.timedOut ? -1 : exitCodeOf(result),
    stdout: withoutFinalNewline(stdout.text),
    stderr: withoutFinalNewline(stderr.text),
    all: withoutFinalNewline(all.text),
    timedOut: state.timedOut,
  };
}

function withoutFinalNewline(text: string): string {
  return text.replace(/\r?\n$/, '');
}

/** Ends a program for good: also one that ignores SIGTERM, and one whose own children keep its output open. */
function end(child: Pick<ChildProcess, 'kill' | 'stdout' | 'stderr'>): void {
  child.kill('SIGKILL');
  for (const stream of [child.stdout, child.stderr]) stream?.destroy();
}

/** What a program that never ran failed with. */
function notStarted(
  program: string,
  { code, cause }: { code?: string | undefined; cause?: unknown },
): PodmanBootcError {
  if (code === 'ENOENT') return programNotFound(program, cause);
  return new PodmanBootcError(
    'host',
    'PROGRAM_NOT_STARTED',
    `The program ${program} could not be started: ${messageOf(cause)}`,
    {
      remedy: `Look at what \`command -v ${program}\` names, and at its permissions`,
      cause,
      check: checkOfProgram[program],
    },
  );
}

function programNotFound(program: string, cause: unknown): PodmanBootcError {
  return new PodmanBootcError('host', 'PROGRAM_NOT_FOUND', `The program ${program} was not found in PATH`, {
    remedy: `Install ${program}, or add its directory to PATH`,
    cause,
    check: checkOfProgram[program],
  });
}

function exitCodeOf(result: { exitCode?: number; signal?: NodeJS.Signals }): number {
  const signalNumber = result.signal ? constants.signals[result.signal] : undefined;
  return result.exitCode ?? 128 + (signalNumber ?? 0);
}

/** A program that goes on when we end. */
export interface DetachedProcess {
  /** Ends it, and what it has started, unless it has ended by itself. */
  end(): void;
}

/**
 * Starts a program that outlives us, without a shell, and does not wait for it.
 * @param o.input descriptor of its standard input; libuv has it block, as every program expects of that
 * @param o.output descriptor that it writes both its streams to
 */
export function startDetached(
  program: string,
  args: readonly string[],
  { input, output }: { input: number; output: number },
): DetachedProcess {
  const child = spawn(program, args, {
    cwd: '/',
    env: { ...process.env, ...programEnvironment() },
    detached: true,
    stdio: [input, output, output],
  });
  child.on('error', () => {
    // Nobody then answers at its socket.
  });
  child.unref();
  return {
    end() {
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
      try {
        process.kill(-child.pid, 'SIGTERM');
      } catch {
        // It was quicker.
      }
    },
  };
}

/** Whether a program is in PATH, or where root's own PATH would find it. */
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
  for (const directory of [...searchPath().split(delimiter), ...elsewhere]) {
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
  const common = {
    reject: false,
    buffer: false,
    cwd: workingDirectory(),
    env: programEnvironment(),
    ...(signal && { cancelSignal: signal }),
  } as const;
  // In process groups of their own, so that Ctrl-C on the terminal reaches us alone.
  const source = execa(from[0], from.slice(1), {
    ...common,
    stdin: 'ignore',
    detached: true,
    cleanup: true,
  });
  const sink = execa(to[0], to.slice(1), { ...common, detached: true, cleanup: true });
  const [sourceErrors, sinkOutput, sinkErrors, sinkAll] = [
    new LastText(mostOfEnd),
    new LastText(mostOfEnd),
    new LastText(mostOfEnd),
    new LastText(mostOfEnd),
  ];
  for (const [stream, kept] of [
    [source.stderr, [sourceErrors]],
    [sink.stdout, [sinkOutput, sinkAll]],
    [sink.stderr, [sinkErrors, sinkAll]],
  ] as const) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      for (const each of kept) each.push(chunk);
    });
  }
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
  for (const [program, child, result] of [
    [from[0], source, sent],
    [to[0], sink, received],
  ] as const) {
    if (child.pid === undefined) throw notStarted(program, result);
  }
  const failed = received.exitCode === 0 && sent.exitCode !== 0;
  const [sourceSaid, sinkSaid] = [sourceErrors, sinkErrors].map(({ text }) => withoutFinalNewline(text));
  return {
    exitCode: exitCodeOf(failed ? sent : received),
    stdout: failed ? '' : withoutFinalNewline(sinkOutput.text),
    // A sink that got half of a stream blames the stream: the one that broke it goes last.
    stderr: sent.exitCode === 0 ? (sinkSaid ?? '') : `${sinkSaid ?? ''}\n${sourceSaid ?? ''}`.trim(),
    all: withoutFinalNewline(sinkAll.text),
    timedOut: false,
  };
}
