import { setTimeout as sleep } from 'node:timers/promises';

/** Resolves after so many milliseconds or when `early` aborts; rejects with the reason of `signal` when that does. */
export async function pause(milliseconds: number, early: AbortSignal, signal?: AbortSignal): Promise<void> {
  const end = signal ? AbortSignal.any([early, signal]) : early;
  await sleep(Math.max(milliseconds, 0), undefined, { signal: end }).catch(() => undefined);
  signal?.throwIfAborted();
}
