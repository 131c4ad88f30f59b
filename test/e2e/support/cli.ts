import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { cli } from '../../support/project.js';

/**
 * Options of a VM that is to boot soon, where neither firmware nor processors are what a test is about: emulated, such a
 * boot takes half the work of one by UEFI with two processors, which take turns waiting for each other.
 */
export const soon = ['--firmware', 'bios', '--cpus', '1'] as const;

/** What a program that ended left behind. */
export interface Outcome {
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  milliseconds: number;
}

/** A program that runs. */
export interface Running {
  child: ChildProcess;
  done: Promise<Outcome>;
  /** All of stdout so far. */
  stdout(): string;
  /** All of stderr so far. */
  stderr(): string;
}

interface Options {
  input?: string | Buffer;
  /** Its stdin stays open, for the caller to write to. */
  keepsInputOpen?: boolean;
  env?: NodeJS.ProcessEnv;
  /** Own process group, as a terminal gives a command. */
  detached?: boolean;
}

/** Starts a program; nothing is inherited but the environment. */
export function start(program: string, args: readonly string[], options: Options = {}): Running {
  const begin = Date.now();
  const child = spawn(program, args, {
    stdio: 'pipe',
    env: { ...process.env, ...options.env },
    detached: options.detached ?? false,
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  child.stdin.on('error', () => {
    // A program that does not read its input is free to.
  });
  if (options.keepsInputOpen !== true) child.stdin.end(options.input ?? '');
  const done = new Promise<Outcome>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode, signal) => {
      resolve({ exitCode, signal, stdout, stderr, milliseconds: Date.now() - begin });
    });
  });
  return { child, done, stdout: () => stdout, stderr: () => stderr };
}

/** Starts podman-bootc. */
export function startCli(args: readonly string[], options?: Options): Running {
  return start(process.execPath, [cli, ...args], options);
}

/** Runs podman-bootc to its end. */
export function podmanBootc(...args: readonly string[]): Promise<Outcome> {
  return startCli(args).done;
}

/** Runs podman-bootc, which must succeed. @returns its stdout */
export async function succeed(...args: readonly string[]): Promise<string> {
  const outcome = await podmanBootc(...args);
  assert.equal(outcome.exitCode, 0, `podman-bootc ${args.join(' ')}\n${outcome.stderr}`);
  return outcome.stdout;
}

/** Runs a program of the host, which must succeed. @returns its stdout */
export function host(program: string, ...args: readonly string[]): string {
  const result = spawnSync(program, args, { encoding: 'utf8' });
  assert.equal(result.status, 0, `${program} ${args.join(' ')}\n${result.stderr}`);
  return result.stdout;
}

/** Waits until something holds; fails with `what` when it does not in time. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  seconds = 60,
): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!(await condition())) {
    if (Date.now() > deadline) assert.fail(`not within ${seconds} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
