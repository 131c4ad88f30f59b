import { constants } from 'node:os';
import { PodmanBootcError } from '../../errors.js';

/** Ctrl-C and its like as an AbortSignal, so that what was begun is undone before the process ends. */
export interface Interrupt {
  signal: AbortSignal;
  /** Gives the signals back their usual effect, for a session that is ssh's own. */
  release(): void;
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Listens for signals. The first aborts; a second one while we clean up ends the process at once, and the
 * next command does the cleaning.
 */
export function listenForInterrupt(): Interrupt {
  const controller = new AbortController();
  const onSignal = (name: (typeof signals)[number]): void => {
    const exitCode = 128 + constants.signals[name];
    if (controller.signal.aborted) process.exit(exitCode);
    controller.abort(new PodmanBootcError('interrupted', 'INTERRUPTED', `Interrupted by ${name}`));
    process.once('exit', () => {
      process.exitCode = exitCode;
    });
  };
  for (const name of signals) process.on(name, onSignal);
  return {
    signal: controller.signal,
    release() {
      for (const name of signals) process.off(name, onSignal);
    },
  };
}
