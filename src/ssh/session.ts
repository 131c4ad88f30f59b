import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { codeOf, PodmanBootcError } from '../errors.js';
import { clientArguments } from './options.js';
import type { LoginTarget } from './target.js';

/** Milliseconds that the news of a signal may come behind the end of the ssh that it ended. */
const signalGrace = 50;

export type { LoginTarget } from './target.js';

/**
 * The arguments of `ssh` for a session on a VM. The user's own configuration, agent and known hosts play
 * no part: only the VM's key and its pinned host key count.
 *
 * There is no `ServerAliveInterval`: it would end sessions of a guest that is paused, and one that is gone
 * takes the connection on the loopback address with it.
 * @param command none: an interactive shell. One argument: a command line for the remote shell, as is.
 *   Several: a program and its arguments, each of which arrives exactly as given.
 * @throws PodmanBootcError `SSH_PATH_UNSUPPORTED` for a path that ssh cannot be told,
 *   `HOST_KEY_ALIAS_INVALID`
 */
export function sshArguments(t: LoginTarget, command: readonly string[] = []): string[] {
  return [
    ...clientArguments(t),
    '-p',
    String(t.port),
    '-l',
    t.user,
    t.host ?? '127.0.0.1',
    // ssh goes on reading options after the host: a command may well start with a dash.
    ...(command.length === 0 ? [] : ['--', commandLine(command)]),
  ];
}

/**
 * Quotes an argument for a POSIX shell, which then passes on exactly this text. NUL cannot be passed on.
 */
export function quoteForShell(argument: string): string {
  // A leading dash is quoted because sshd runs `$SHELL -c COMMAND`, where it would start an option.
  if (/^[A-Za-z0-9_@%+:,./][A-Za-z0-9_@%+:,./-]*$/.test(argument)) return argument;
  return `'${argument.replaceAll("'", `'\\''`)}'`;
}

/**
 * Runs the system's `ssh` on our own terminal, stdin, stdout and stderr, and waits for it.
 *
 * Meanwhile SIGINT and SIGQUIT do not end this process (the terminal delivers them to ssh too), and
 * SIGTERM and SIGHUP are passed on. Other listeners for these signals are called all the same.
 * @param command as for `sshArguments`
 * @returns the exit code of the remote command; 255 if ssh itself failed; 128 + n if signal n ended ssh
 * @throws PodmanBootcError `PROGRAM_NOT_FOUND` without ssh in PATH; what `sshArguments` throws
 */
export function openSession(t: LoginTarget, command: readonly string[] = []): Promise<number> {
  const args = sshArguments(t, command);
  return new Promise((resolvePromise, reject) => {
    const child = spawn('ssh', args, { stdio: 'inherit' });
    let received: NodeJS.Signals | undefined;
    const note = (signal: NodeJS.Signals) => {
      received = signal;
    };
    const passOn = (signal: NodeJS.Signals) => {
      received = signal;
      child.kill(signal);
    };
    process.on('SIGINT', note).on('SIGQUIT', note).on('SIGTERM', passOn).on('SIGHUP', passOn);
    const restore = () => {
      process.off('SIGINT', note).off('SIGQUIT', note).off('SIGTERM', passOn).off('SIGHUP', passOn);
    };
    child.on('error', (cause) => {
      restore();
      reject(cannotRun(cause));
    });
    child.on('exit', (code, signal) => {
      const settle = (): void => {
        restore();
        // ssh catches these signals itself and then ends with its own 255.
        const ending = signal ?? (code === 255 ? received : undefined);
        resolvePromise(ending === undefined ? (code ?? 255) : 128 + constants.signals[ending]);
      };
      // A signal that reached ssh and us together may be told of after ssh's end, for two threads carry the news.
      if (code === 255 && received === undefined) setTimeout(settle, signalGrace);
      else settle();
    });
  });
}

/** Several arguments are an argv: the remote shell takes them apart again just as they were. */
function commandLine(command: readonly string[]): string {
  const [only] = command;
  return command.length === 1 && only !== undefined ? only : command.map(quoteForShell).join(' ');
}

/** Says that a program of OpenSSH's is not there, or cannot be started. */
export function cannotRun(cause: Error, program = 'ssh'): PodmanBootcError {
  return codeOf(cause) === 'ENOENT'
    ? new PodmanBootcError('host', 'PROGRAM_NOT_FOUND', `The program ${program} was not found in PATH`, {
        remedy: 'Install the OpenSSH client (package openssh-client or openssh-clients)',
        cause,
        check: 'PB018',
      })
    : new PodmanBootcError('host', 'PROGRAM_FAILED', `The program ${program} could not be started`, {
        cause,
      });
}
