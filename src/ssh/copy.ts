import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { PodmanBootcError } from '../errors.js';
import { clientArguments } from './options.js';
import { cannotRun } from './session.js';
import type { LoginTarget } from './target.js';

/** What is copied, and which way. A directory is copied with all that is in it. */
export interface Copy {
  /** Path on this host. */
  local: string;
  /** Path in the guest, literally; relative to the user's home. */
  remote: string;
  direction: 'to-guest' | 'from-guest';
}

/** How `copy` runs. */
export interface CopyOptions {
  /** Shows scp's progress on this process's stderr. Default false. */
  progress?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * The arguments of `scp`, over SFTP (`-s`, OpenSSH 8.7): the old protocol hands paths to the guest's shell.
 */
export function scpArguments(t: LoginTarget, copy: Copy): string[] {
  const host = t.host ?? '127.0.0.1';
  // An absolute path is never taken for HOST:PATH or an option. What resolve() takes away says that it is a directory.
  const local = resolve(copy.local) + (/\/\.?$/.test(copy.local) ? '/' : '');
  const ends =
    copy.direction === 'to-guest'
      ? [local, `${host}:${copy.remote}`]
      : // scp expands wildcards in what it fetches.
        [`${host}:${copy.remote.replace(/[\\*?[\]]/g, '\\$&')}`, local];
  return [
    // Its `-q`, and a lower level, would keep back why it failed; the first of two levels counts.
    ...['-s', '-r', '-p', '-o', 'LogLevel=INFO'],
    ...clientArguments(t),
    ...['-P', String(t.port), '-o', `User=${t.user}`, '--'],
    ...ends,
  ];
}

/**
 * Copies files and directories by the system's `scp`, with their modes and times.
 * @throws PodmanBootcError `COPY_FAILED` with scp's words; `PROGRAM_NOT_FOUND`; the signal's reason when aborted
 */
export async function copy(t: LoginTarget, what: Copy, options: CopyOptions = {}): Promise<void> {
  const { progress = false, signal } = options;
  signal?.throwIfAborted();
  // scp draws its progress on stdout if that is a terminal. It is not what was asked for: it belongs on stderr.
  const child = spawn('scp', scpArguments(t, what), {
    stdio: ['ignore', progress ? process.stderr.fd : 'ignore', 'pipe'],
  });
  const abort = (): void => {
    child.kill('SIGTERM');
  };
  signal?.addEventListener('abort', abort);
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
  try {
    const exitCode = await new Promise<number | null>((fulfil, reject) => {
      child.once('error', (cause) => {
        reject(cannotRun(cause, 'scp'));
      });
      child.once('close', fulfil);
    });
    signal?.throwIfAborted();
    if (exitCode === 0) return;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
  throw new PodmanBootcError(
    // ssh's own failures are 255.
    /^(?:ssh|Connection|kex_|Host key verification failed)/m.test(said) ? 'ssh' : 'failure',
    'COPY_FAILED',
    `scp could not copy ${what.direction === 'to-guest' ? what.local : what.remote}`,
    {
      output: said,
      remedy: /subsystem/i.test(said)
        ? 'The guest has no SFTP server; copy with `tar c FILE | podman-bootc ssh VM tar x -C DIRECTORY`'
        : undefined,
    },
  );
}
