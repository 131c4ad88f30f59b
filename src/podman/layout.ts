import { PodmanBootcError } from '../errors.js';
import { describeEngine, endless, lastLine, runPodman, type PodmanEngine } from './engine.js';

/**
 * Writes an image into an OCI layout, which may be there already: then only what it lacks is written, and the image becomes the
 * newest of its name. Layers stay uncompressed: compressing takes a hundred times as long, and would give each a new digest
 * every time.
 * @param reference a name of the image; the layout knows it by that
 * @throws PodmanBootcError `LAYOUT_FAILED`
 */
export async function saveLayout(
  engine: PodmanEngine,
  reference: string,
  directory: string,
  signal?: AbortSignal,
): Promise<void> {
  const options = ['--quiet', '--format', 'oci-dir', '--uncompressed', '--output', directory];
  const result = await runPodman(engine, ['save', ...options, '--', reference], {
    signal,
    timeout: endless,
    keep: 'end',
  });
  if (result.exitCode === 0) return;
  throw new PodmanBootcError(
    'update',
    'LAYOUT_FAILED',
    `The image ${reference} could not be written to ${directory} by ${describeEngine(engine)}: ${lastLine(result.stderr)}`,
    { remedy: 'Is there room on the file system of the cache directory?', output: result.stderr },
  );
}
