import { join } from 'node:path';
import { recallProbe, rememberProbe } from '../../bootc/probe-memory.js';
import { probeImage, probeScript, type ImageProbe } from '../../bootc/probe.js';
import { DamagedRecord } from '../../durable-file.js';
import { codeOf, PodmanBootcError } from '../../errors.js';
import { describeEngine, engineName, type PodmanEngine } from '../../podman/engine.js';
import type { Image } from '../../podman/images.js';
import { requireRootful } from '../../podman/select.js';
import { makeDirectory } from '../host/directories.js';
import type { Host } from '../host/host.js';

/**
 * What an image says of itself. That it could be asked, on this podman, is remembered with the answer: a second VM of an
 * image needs no container.
 * @param user who is to log in
 * @throws PodmanBootcError `IMAGE_FOREIGN_ARCHITECTURE` and those of `requireRootful` and `probeImage`
 */
export async function askImage(
  host: Host,
  { engine, image, reference }: { engine: PodmanEngine; image: Image; reference: string },
  user: string,
  signal: AbortSignal | undefined,
): Promise<ImageProbe> {
  const file = join(host.directories.cache, 'image-probes.json');
  const subject = { engine: engineName(engine), imageId: image.id, user };
  const remembered = await recallProbe(file, subject, probeScript);
  if (remembered instanceof DamagedRecord) host.report.warn(`${String(remembered)}; the image is asked anew`);
  else if (remembered) return remembered;
  const { architecture } = await requireRootful(engine, signal);
  const probe = await probeImage(engine, reference, user, signal).catch((error: unknown) => {
    throw image.architecture === architecture
      ? error
      : foreignArchitecture(engine, image, reference, architecture, error);
  });
  if (image.architecture !== architecture) {
    // qemu-user or Rosetta on that host: bootc may or may not bear it, and says so itself.
    host.report.warn(
      `The image ${reference} is for ${image.architecture} and ${describeEngine(engine)} is ${architecture}: its bootc runs emulated there, slowly`,
    );
  }
  await makeDirectory(host.directories.cache, host.directories);
  await rememberProbe(file, subject, probeScript, probe);
  return probe;
}

/** What an image of another architecture, which its podman host cannot run, fails with in whatever words. */
function foreignArchitecture(
  engine: PodmanEngine,
  image: Image,
  reference: string,
  architecture: string,
  error: unknown,
): unknown {
  if (codeOf(error) !== 'IMAGE_UNUSABLE' && codeOf(error) !== 'IMAGE_WITHOUT_BOOTC') return error;
  return new PodmanBootcError(
    'image',
    'IMAGE_FOREIGN_ARCHITECTURE',
    `The image ${reference} is for ${image.architecture}, and its bootc cannot run on ${describeEngine(engine)}, which is ${architecture}`,
    { remedy: `Use an image for ${architecture}`, cause: error },
  );
}
