import { PodmanBootcError } from '../../errors.js';
import type { PodmanEngine } from '../../podman/engine.js';
import { imageName, repositoryOf, type Image } from '../../podman/images.js';
import type { PullPolicy } from '../../podman/pull-policy.js';
import { parseImageReference } from '../../podman/reference.js';
import { selectEngine } from '../../podman/select.js';
import { provideImage } from '../create/provide-image.js';
import type { Host } from '../host/host.js';
import type { VirtualMachine } from '../virtual-machine.js';
import type { UpdateImage } from './journal.js';

/** Which version of which image a VM is to be updated to. */
export interface VersionOptions {
  /** Default: the image that the VM was made of, or updated to last. */
  image?: string | undefined;
  /** Which podman has it; default the one that the VM was installed by. See `selectEngine`. */
  podman?: string | undefined;
  /** Default `newer`: a registry is asked, and what is at hand is taken where it does not answer. */
  pull?: PullPolicy | undefined;
  quiet?: boolean | undefined;
}

/** A version of an image, in the store where it is. */
export interface ImageVersion {
  engine: PodmanEngine;
  image: UpdateImage;
  /**
   * Digests by which a guest may call it that was made of it. podman's own is that of the list of all architectures, where a list
   * was pulled, and bootc's that of the manifest (both seen with podman 4.3).
   */
  digests: string[];
  /** Its name without a tag or digest. */
  repository: string;
}

/**
 * Looks an image up anew.
 * @throws PodmanBootcError `UPDATE_IMAGE_UNNAMED` and those of `provideImage` and `selectEngine`
 */
export async function findVersion(
  host: Host,
  { metadata }: VirtualMachine,
  options: VersionOptions,
  signal?: AbortSignal,
): Promise<ImageVersion> {
  const asked = parseImageReference(options.image ?? metadata.image.reference);
  const { engine } = await selectEngine(options.podman ?? metadata.install.podman, {
    report: host.report,
    signal,
  });
  const { pull = asked.storeOnly ? 'missing' : 'newer', quiet } = options;
  const found = await provideImage(host, engine, asked, { pull, quiet }, signal);
  const reference = imageName(
    found,
    asked,
    [metadata.image.reference].filter((name) => found.names.includes(name)),
  );
  requireName(found, reference);
  return {
    engine,
    image: { reference, id: found.id, ...(found.digest !== undefined && { digest: found.digest }) },
    digests: digestsOf(found),
    repository: repositoryOf(reference),
  };
}

/** All digests that podman knows an image by. */
export function digestsOf({ digest, digests }: Pick<Image, 'digest' | 'digests'>): string[] {
  const named = digests.flatMap((name) => name.split('@', 2)[1] ?? []);
  return [...new Set([...(digest === undefined ? [] : [digest]), ...named])];
}

function requireName(image: Image, reference: string): void {
  if (reference !== image.id) return;
  const short = image.id.slice(0, 12);
  throw new PodmanBootcError(
    'usage',
    'UPDATE_IMAGE_UNNAMED',
    `Expected an image with a name, from which the guest can be updated, got ${short}, which has none`,
    { remedy: `Give it one: podman tag ${short} localhost/NAME` },
  );
}
