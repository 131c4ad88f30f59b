import { madeOf } from '../../domain/metadata.js';
import { PodmanBootcError } from '../../errors.js';
import type { PodmanEngine } from '../../podman/engine.js';
import { imageName, repositoryOf, type Image } from '../../podman/images.js';
import type { PullPolicy } from '../../podman/pull-policy.js';
import { parseImageReference } from '../../podman/reference.js';
import { selectEngine } from '../../podman/select.js';
import { provideImage } from '../create/provide-image.js';
import type { Host } from '../host/host.js';
import { vmReference, type VirtualMachine } from '../virtual-machine.js';
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
 * @throws PodmanBootcError `UPDATE_IMAGE_NEEDED`, `UPDATE_IMAGE_UNNAMED` and those of `provideImage` and `selectEngine`
 */
export async function findVersion(
  host: Host,
  vm: VirtualMachine,
  options: VersionOptions,
  signal?: AbortSignal,
): Promise<ImageVersion> {
  const { metadata } = vm;
  const asked = parseImageReference(options.image ?? recordedImage(vm));
  const { engine } = await selectEngine(options.podman ?? metadata.install?.podman ?? 'auto', {
    report: host.report,
    signal,
  });
  const { pull = asked.storeOnly ? 'missing' : 'newer', quiet } = options;
  const found = await provideImage(host, engine, asked, { pull, quiet }, signal);
  const reference = imageName(
    found,
    asked,
    found.names.filter((name) => name === metadata.image?.reference),
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

/**
 * The image that a VM was made of, or was brought to.
 * @throws PodmanBootcError `UPDATE_IMAGE_NEEDED`
 */
export function recordedImage(vm: VirtualMachine): string {
  const { image } = vm.metadata;
  if (image) return image.reference;
  throw new PodmanBootcError(
    'usage',
    'UPDATE_IMAGE_NEEDED',
    `Expected an image to update ${vm.name} to, got none: it was made of the disk ${madeOf(vm.metadata)}`,
    { remedy: `Name one that its bootc can take: \`podman-bootc upgrade ${vmReference(vm)} IMAGE\`` },
  );
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
