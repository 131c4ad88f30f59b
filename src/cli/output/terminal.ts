import { styleText } from 'node:util';
import { exitCodes, failureOf, messageOf, PodmanBootcError, type FailureKind } from '../../errors.js';
import { ConsoleText, printable } from '../../boot/console-text.js';
import type { Reporter } from '../../report.js';
import { explainSystemError } from '../../system-error.js';
import type { MessageLevel, View } from './views.js';
import { wrapWords } from './wrap.js';

/** What `--progress` takes. */
export const progressKinds = ['auto', 'plain', 'json'] as const;

/** What `--log-level` takes, from the most to the fewest words. */
export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

let level: LogLevel = 'info';

/** Sets how much is said on stderr from now on. */
export function setLogLevel(wanted: LogLevel): void {
  level = wanted;
}

/** Whether what is of this level is said. */
export function isShown(wanted: LogLevel): boolean {
  return logLevels.indexOf(wanted) >= logLevels.indexOf(level);
}

let translate = (sentence: string): string => sentence;

/** Has options in the library's sentences shown as they are typed from now on. */
export function setTranslation(inFlags: typeof translate): void {
  translate = inFlags;
}

/** A sentence of the library's as it is shown. */
export function asTyped(sentence: string): string {
  return translate(sentence);
}

/** What shows progress, and messages with it; messages alone go to stderr as they are. */
let view: View | undefined;

/** Shows progress, messages and the failure this way from now on. */
export function setView(wanted: View): void {
  view = wanted;
}

/** Keeps progress off the terminal, for a question to the user. @returns what lets it go on */
export function pauseView(): () => void {
  return (
    view?.pause?.() ??
    (() => {
      // There was nothing to pause.
    })
  );
}

/** Colour only on a terminal, and not with NO_COLOR (https://no-color.org). */
export function wantsColour(): boolean {
  return process.stderr.isTTY && (process.env.NO_COLOR ?? '') === '';
}

function colour(style: 'red' | 'yellow' | 'dim', text: string): string {
  return wantsColour() ? styleText(style, text) : text;
}

/** Lines that other programs wrote and that were shown: a failure need not repeat them. */
const shownOutput: string[] = [];
const shownText = new ConsoleText((line) => {
  shownOutput.push(line.trim());
  if (shownOutput.length > 200) shownOutput.shift();
});

function say(wanted: MessageLevel, message: string, prefix = ''): void {
  if (!isShown(wanted)) return;
  // Messages quote images, guests and other programs.
  const safe = printable(asTyped(message));
  const text = wanted === 'debug' ? `${colour('dim', `debug: ${safe}`)}\n` : `${prefix}${safe}\n`;
  if (view) view.message(wanted, safe, text);
  else process.stderr.write(text);
}

/** Progress and messages go to stderr: stdout is for what was asked for. */
export const terminalReporter: Reporter = {
  debug: (message) => {
    say('debug', message);
  },
  info: (message) => {
    say('info', message);
  },
  warn: (message) => {
    say('warn', message, `${colour('yellow', 'Warning:')} `);
  },
  output: (chunk) => {
    if (!isShown('info')) return;
    if (view) view.output(chunk);
    else process.stderr.write(printable(chunk));
    if (view?.showsOutput !== false) shownText.push(chunk);
  },
  progress: (progress) => {
    view?.progress(progress);
  },
};

function linesOf(text: string): string[] {
  return printable(text)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** A failure's sentence: on a terminal it is broken at words, for those of bootc are long. */
function errorLine(message: string): string {
  const text = `Error: ${printable(message)}`;
  const { isTTY, columns } = process.stderr;
  return (isTTY ? wrapWords(text, columns) : text).replace(/^Error:/, colour('red', 'Error:'));
}

/** A failure whose sentences name options as they are typed. */
function translated(error: unknown): unknown {
  if (!(error instanceof PodmanBootcError)) return error;
  const { failureClass, code, message, remedy, ...details } = error;
  return failureOf({ failureClass, code } as FailureKind, asTyped(message), {
    ...details,
    cause: error.cause,
    remedy: remedy && asTyped(remedy),
  });
}

/** Says on stderr what went wrong and what to do. @returns the exit code */
export function printFailure(thrown: unknown): number {
  view?.close('failed');
  const print = (text: string): void => {
    process.stderr.write(`${text}\n`);
  };
  const error = translated(explainSystemError(thrown));
  if (!(error instanceof PodmanBootcError)) {
    const failure = new PodmanBootcError('failure', 'UNEXPECTED', messageOf(error));
    if (view?.failure?.(failure)) return exitCodes.failure;
    print(errorLine(messageOf(error)));
    if (isShown('debug') && error instanceof Error) print(colour('dim', printable(error.stack ?? '')));
    return exitCodes.failure;
  }
  if (view?.failure?.(error)) return exitCodes[error.failureClass];
  const output = linesOf(error.output ?? '');
  const shown = [...shownOutput, shownText.partial.trim()];
  if (output.slice(-5).some((line) => !shown.includes(line)))
    print(colour('dim', printable(error.output ?? '').trimEnd()));
  print(errorLine(error.message));
  if (error.remedy !== undefined) print(printable(error.remedy));
  if (error.check !== undefined) print(`See \`podman-bootc doctor\` (${error.check})`);
  if (isShown('debug')) {
    for (let cause: unknown = error.cause; cause instanceof Error; cause = cause.cause) {
      print(colour('dim', printable(`caused by: ${cause.stack ?? cause.message}`)));
    }
  }
  return exitCodes[error.failureClass];
}
