import { styleText } from 'node:util';
import { exitCodes, messageOf, PodmanBootcError } from '../errors.js';
import type { Reporter } from '../report.js';
import { explainSystemError } from '../system-error.js';

/** What `--log-level` takes, from the most to the fewest words. */
export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

let level: LogLevel = 'info';

/** Sets how much is said on stderr from now on. */
export function setLogLevel(wanted: LogLevel): void {
  level = wanted;
}

function isShown(wanted: LogLevel): boolean {
  return logLevels.indexOf(wanted) >= logLevels.indexOf(level);
}

/** Colour only on a terminal, and not with NO_COLOR (https://no-color.org). */
function colour(style: 'red' | 'yellow' | 'dim', text: string): string {
  const wanted = process.stderr.isTTY && (process.env.NO_COLOR ?? '') === '';
  return wanted ? styleText(style, text) : text;
}

function say(text: string): void {
  process.stderr.write(text.endsWith('\n') ? text : `${text}\n`);
}

/** Progress and messages go to stderr: stdout is for what was asked for. */
export const terminalReporter: Reporter = {
  debug: (message) => {
    if (isShown('debug')) say(colour('dim', `debug: ${message}`));
  },
  info: (message) => {
    if (isShown('info')) say(message);
  },
  warn: (message) => {
    if (isShown('warn')) say(`${colour('yellow', 'Warning:')} ${message}`);
  },
  output: (chunk) => {
    if (isShown('info')) process.stderr.write(chunk);
  },
};

/** Says on stderr what went wrong and what to do. @returns the exit code */
export function printFailure(thrown: unknown): number {
  const error = explainSystemError(thrown);
  if (!(error instanceof PodmanBootcError)) {
    say(`${colour('red', 'Error:')} ${messageOf(error)}`);
    if (isShown('debug') && error instanceof Error) say(colour('dim', error.stack ?? ''));
    return exitCodes.failure;
  }
  if (error.output !== undefined && error.output.trim() !== '') say(colour('dim', error.output.trimEnd()));
  say(`${colour('red', 'Error:')} ${error.message}`);
  if (error.remedy !== undefined) say(error.remedy);
  if (error.check !== undefined) say(`See \`podman-bootc doctor\` (${error.check})`);
  if (isShown('debug')) {
    for (let cause: unknown = error.cause; cause instanceof Error; cause = cause.cause) {
      say(colour('dim', `caused by: ${cause.stack ?? cause.message}`));
    }
  }
  return exitCodes[error.failureClass];
}
