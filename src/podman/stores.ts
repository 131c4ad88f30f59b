import { PodmanBootcError } from '../errors.js';
import { runPipeline } from '../process.js';
import type { Reporter } from '../report.js';
import { formatSize } from '../sizes.js';
import { describeEngine, engineName, lastLine, podmanCommand, type PodmanEngine } from './engine.js';
import { inspectImage, type Image } from './images.js';
import { listConnections } from './machines.js';

/** An image in another store than the one that is installed from. */
export interface ImageElsewhere {
  engine: PodmanEngine;
  image: Image;
}

/** Milliseconds that a store gets to answer a question: one that does not is no help. */
const patience = 10_000;

/**
 * Looks an image up in the other stores that this user reaches: the own podman of the host, and every connection.
 * @param engine whose store is left out
 */
export async function findElsewhere(
  engine: PodmanEngine,
  reference: string,
  signal?: AbortSignal,
  platform: NodeJS.Platform = process.platform,
): Promise<ImageElsewhere[]> {
  const connections = await listConnections(signal);
  const others: PodmanEngine[] = [
    ...(platform === 'linux' ? [{ kind: 'local' } satisfies PodmanEngine] : []),
    ...connections.map(({ Name }): PodmanEngine => ({ kind: 'connection', connection: Name })),
  ].filter((other) => engineName(other) !== engineName(engine));
  const found = await Promise.all(
    others.map(async (other) => {
      const image = await inspectImage(other, reference, signal, patience).catch(() => undefined);
      return image && { engine: other, image };
    }),
  );
  signal?.throwIfAborted();
  return found.filter((each) => each !== undefined);
}

/** `podman save … | podman --connection … load`, as somebody would type it. */
export function copyCommandLine(from: PodmanEngine, to: PodmanEngine, reference: string): string {
  return `${podmanCommand(from, ['save', reference]).join(' ')} | ${podmanCommand(to, ['load']).join(' ')}`;
}

/**
 * Copies an image from one store to another, as a stream and without a file of ours in between. Says how far it is at
 * every tenth.
 * @throws PodmanBootcError `IMAGE_COPY_FAILED`
 */
export async function copyImage(
  { engine: from, image }: ImageElsewhere,
  to: PodmanEngine,
  reference: string,
  report: Reporter,
  signal?: AbortSignal,
): Promise<void> {
  report.info(
    `Copying ${reference} (${formatSize(image.size)}) from ${describeEngine(from)} to ${describeEngine(to)}`,
  );
  const begin = performance.now();
  let tenths = 0;
  const result = await runPipeline(
    podmanCommand(from, ['save', '--', reference]),
    podmanCommand(to, ['load']),
    {
      signal,
      onProgress: (bytes) => {
        const rate = (1000 * bytes) / Math.max(1, performance.now() - begin);
        report.progress?.({ type: 'transfer', stage: 'image', bytes, total: image.size, rate });
        // What podman says of the size is not what the stream will have to the byte.
        const now = Math.min(9, Math.floor((10 * bytes) / Math.max(image.size, 1)));
        if (now > tenths) report.output(`Copied ${formatSize(bytes)} (${now * 10} %)\n`);
        tenths = Math.max(tenths, now);
      },
    },
  );
  if (result.exitCode === 0) return;
  throw new PodmanBootcError(
    'image',
    'IMAGE_COPY_FAILED',
    `The image ${reference} could not be copied to ${describeEngine(to)}: ${lastLine(result.stderr)}`,
    { remedy: `Try \`${copyCommandLine(from, to, reference)}\``, output: result.stderr },
  );
}
