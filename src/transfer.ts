import type { ProgressStage, Reporter } from './report.js';

/** Milliseconds between two looks at what grows. */
const interval = 500;

/**
 * Reports how much has been moved, and how fast, until it is disposed of.
 * @param read bytes so far; undefined or a failure where there is nothing to tell
 */
export function reportTransfer(
  report: Reporter,
  stage: ProgressStage,
  read: () => Promise<number | undefined>,
): Disposable {
  const begin = performance.now();
  let isOver = false;
  const look = async (): Promise<void> => {
    const bytes = await read();
    if (bytes === undefined || isOver) return;
    report.progress?.({ type: 'transfer', stage, bytes, rate: (1000 * bytes) / (performance.now() - begin) });
  };
  const timer = setInterval(() => {
    look().catch(() => undefined);
  }, interval).unref();
  return {
    [Symbol.dispose]: () => {
      isOver = true;
      clearInterval(timer);
    },
  };
}
