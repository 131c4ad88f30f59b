import { endless, runPodman, type PodmanEngine } from './engine.js';

/** What podman says happens to images. It is a hint and no more: some of it is not told, some told twice. */
export interface ImageEvents extends Disposable {
  /** Aborts at the next event, from now on. */
  next(): AbortSignal;
}

/**
 * Listens to what happens to the images of an engine, until it is disposed of. Where podman tells nothing (no events logger, one
 * that ends), nothing comes.
 */
export function watchImageEvents(engine: PodmanEngine): ImageEvents {
  const over = new AbortController();
  let next = new AbortController();
  runPodman(engine, ['events', '--filter', 'type=image', '--format', '{{.Status}}'], {
    signal: over.signal,
    timeout: endless,
    keep: 'end',
    onOutput: () => {
      next.abort();
    },
  }).catch(() => undefined);
  return {
    next: () => {
      if (next.signal.aborted) next = new AbortController();
      return next.signal;
    },
    [Symbol.dispose]: () => {
      over.abort(new Error('nobody listens any longer'));
    },
  };
}
