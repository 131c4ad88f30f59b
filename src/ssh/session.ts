import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { resolve } from 'node:path';
import { codeOf, PodmanBootcError } from '../errors.js';
import { knownHostName } from './known-hosts.js';
import type { LoginTarget } from './target.js';

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
  const options = {
    // Not `-i`, which checks the path before it unfolds the `%%` in it.
    IdentityFile: pathValue(t.identityFile),
    IdentitiesOnly: 'yes',
    IdentityAgent: 'none',
    PreferredAuthentications: 'publickey',
    PasswordAuthentication: 'no',
    KbdInteractiveAuthentication: 'no',
    StrictHostKeyChecking: 'yes',
    UserKnownHostsFile: pathValue(t.knownHostsFile),
    GlobalKnownHostsFile: '/dev/null',
    HostKeyAlias: knownHostName(t.hostKeyAlias),
    CheckHostIP: 'no',
    // ssh would otherwise add the guest's other keys to the file behind our back.
    UpdateHostKeys: 'no',
    ForwardAgent: 'no',
    ForwardX11: 'no',
    LogLevel: 'ERROR',
  };
  return [
    '-F',
    'none',
    ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
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
      restore();
      // ssh catches these signals itself and then ends with its own 255.
      const ending = signal ?? (code === 255 ? received : undefined);
      resolvePromise(ending === undefined ? (code ?? 255) : 128 + constants.signals[ending]);
    });
  });
}

/** Several arguments are an argv: the remote shell takes them apart again just as they were. */
function commandLine(command: readonly string[]): string {
  const [only] = command;
  return command.length === 1 && only !== undefined ? only : command.map(quoteForShell).join(' ');
}

/**
 * A path as the value of an ssh option: quoted for the tokenizer of ssh_config(5) (OpenSSH 8.7 and newer
 * unescape `\"` and `\\` inside quotes), `%` doubled against its tokens.
 */
function pathValue(path: string): string {
  const absolute = resolve(path);
  // ssh expands `${NAME}` in these options and knows no way to write it literally.
  // eslint-disable-next-line no-control-regex -- control characters are what is refused
  if (absolute.includes('${') || /[\u0000-\u001f\u007f]/.test(absolute)) {
    throw new PodmanBootcError(
      'host',
      'SSH_PATH_UNSUPPORTED',
      `ssh cannot be told the path ${JSON.stringify(absolute)}`,
      { remedy: 'Use a directory whose path holds neither ${ nor control characters' },
    );
  }
  return `"${absolute.replace(/[\\"]/g, '\\$&').replaceAll('%', '%%')}"`;
}

function cannotRun(cause: Error): PodmanBootcError {
  return codeOf(cause) === 'ENOENT'
    ? new PodmanBootcError('host', 'PROGRAM_NOT_FOUND', 'The program ssh was not found in PATH', {
        remedy: 'Install the OpenSSH client (package openssh-client or openssh-clients)',
        cause,
        check: 'PB018',
      })
    : new PodmanBootcError('host', 'PROGRAM_FAILED', 'The program ssh could not be started', { cause });
}
