import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { isMissing } from '../paths.js';
import { endless, lastLine, runPodman, type PodmanEngine } from './engine.js';

/** How an image is built. */
export interface BuildOptions {
  /** Directory with the files that are built from, and with a Containerfile. */
  context: string;
  /** What the image is to be called. */
  reference: string;
  /** What podman prints, as it comes. */
  onOutput?: ((chunk: string) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Runs `podman build`.
 * @returns why it failed, in its own words; undefined where it did not
 */
export async function buildImage(
  engine: PodmanEngine,
  { context, reference, onOutput, signal }: BuildOptions,
): Promise<string | undefined> {
  const result = await runPodman(engine, ['build', '--tag', reference, '--', context], {
    signal,
    onOutput,
    timeout: endless,
    keep: 'end',
  });
  return result.exitCode === 0 ? undefined : lastLine(result.stderr);
}

/**
 * Tells each time that files of a context have changed which a build takes; those of .containerignore (or .dockerignore) do not
 * count. What changes while the caller works is told once, afterwards.
 */
export async function* contextChanges(context: string, signal: AbortSignal): AsyncGenerator<void, void> {
  const [{ watch }, ignored] = await Promise.all([import('chokidar'), readIgnored(context)]);
  await using watcher = {
    files: watch(context, {
      ignored: (path) => ignored(relative(context, path)),
      ignoreInitial: true,
      // An editor that writes in two steps is not built twice, nor in between.
      awaitWriteFinish: { stabilityThreshold: 200, pollInterval: 50 },
    }),
    [Symbol.asyncDispose]: () => watcher.files.close(),
  };
  let change = new AbortController();
  const onChange = (): void => {
    change.abort();
  };
  watcher.files.on('all', onChange);
  signal.addEventListener('abort', onChange, { once: true });
  for (;;) {
    if (!change.signal.aborted) await once(change.signal, 'abort');
    signal.throwIfAborted();
    change = new AbortController();
    yield;
  }
}

/** What a build leaves out, by its path in the context. */
async function readIgnored(context: string): Promise<(path: string) => boolean> {
  // podman takes the first of them (containerignore(5)).
  for (const name of ['.containerignore', '.dockerignore']) {
    try {
      const patterns = await readFile(join(context, name), 'utf8');
      // It is a CommonJS module that names itself as its default.
      const { default: module } = await import('@balena/dockerignore');
      const filter = module.default({ ignorecase: false }).add(patterns);
      return (path) => path !== '' && filter.ignores(path.split(sep).join('/'));
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  return () => false;
}
