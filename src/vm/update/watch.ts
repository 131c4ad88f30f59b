import type { PodmanBootcError } from '../../errors.js';
import type { PodmanEngine } from '../../podman/engine.js';
import { watchImageEvents } from '../../podman/events.js';
import { inspectImage } from '../../podman/images.js';
import { pause } from '../../pause.js';
import type { LiveOutcome } from './live.js';
import type { UpgradeOutcome } from './upgrade.js';

/** Milliseconds for which nothing must have happened before an image counts as done: a build says more than one thing. */
const debounce = 300;
/** Milliseconds between two looks where podman tells of no event: some of what changes an image has none (podman commit). */
const lookAgain = 5_000;

/**
 * Tells of each new version of an image in a store, by its ID: podman's events say when to look, and are not believed. Of versions
 * that come while the caller works, the newest is told.
 * @param known the ID of the version that is not to be told
 * @throws PodmanBootcError what `inspectImage` throws, and the signal's reason
 */
export async function* newVersions(
  engine: PodmanEngine,
  reference: string,
  known: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  let last = known;
  using events = watchImageEvents(engine);
  for (;;) {
    signal.throwIfAborted();
    const hint = events.next();
    const id = (await inspectImage(engine, reference, signal))?.id;
    if (id !== undefined && id !== last) {
      last = id;
      yield id;
      continue;
    }
    await pause(lookAgain, hint, signal);
    if (hint.aborted) await pause(debounce, new AbortController().signal, signal);
  }
}

/** What came of one version of an image. */
export interface WatchCycle {
  /** The image's ID. */
  imageId: string;
  /** From the moment at which it was noticed; in milliseconds. */
  duration: number;
  /** Undefined where it failed. */
  outcome: UpgradeOutcome | LiveOutcome | undefined;
  /** Why it failed: that is the image's matter, and the next version may be better. */
  error: PodmanBootcError | undefined;
}
