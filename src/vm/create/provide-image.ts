import { codeOf, messageOf, PodmanBootcError } from '../../errors.js';
import { option } from '../../option-text.js';
import { describeEngine, type PodmanEngine } from '../../podman/engine.js';
import {
  imageName,
  inspectImage,
  isLocalhost,
  isMeantById,
  namesOf,
  neverPulled,
  pullImage,
  type Image,
} from '../../podman/images.js';
import type { ImageReference } from '../../podman/reference.js';
import { requireRootful, selectEngine } from '../../podman/select.js';
import { copyCommandLine, copyImage, findElsewhere } from '../../podman/stores.js';
import { formatSize } from '../../sizes.js';
import { installedReferences } from '../disks/base-store.js';
import type { Host } from '../host/host.js';
import type { RunOptions } from './options.js';

/** An image, where it is, and the name that it is recorded and run under. */
export interface ChosenImage {
  engine: PodmanEngine;
  image: Image;
  reference: string;
}

/** Sees to it that the image is in a store that it can be installed from. */
export async function findImage(
  host: Host,
  asked: ImageReference,
  options: RunOptions,
  signal: AbortSignal | undefined,
): Promise<ChosenImage> {
  const { engine, reason } = await selectEngine(options.podman ?? 'auto', {
    startMachine: options.startMachine,
    confirm: options.confirm,
    report: host.report,
    signal,
  });
  host.report.info(reason);
  const image = await provideImage(host, engine, asked, options, signal);
  const installed = await installedReferences(host.directories, image.id);
  const reference = imageName(image, asked, await namesOf(engine, image, installed, signal));
  return { engine, image, reference };
}

/**
 * The image in the store that it is installed from. One that is not there is copied from another store, or pulled.
 * @throws PodmanBootcError `IMAGE_NOT_FOUND`, `IMAGE_ELSEWHERE`, `IMAGE_COPY_FAILED` and those of `pullImage`
 */
export async function provideImage(
  host: Host,
  engine: PodmanEngine,
  asked: ImageReference,
  options: RunOptions,
  signal: AbortSignal | undefined,
): Promise<Image> {
  const { pull = 'missing', quiet } = options;
  const reference = asked.text;
  if (asked.storeOnly && (pull === 'always' || pull === 'newer')) {
    throw new PodmanBootcError(
      'usage',
      'OPTIONS_CONFLICT',
      `Expected no ${option('pull', pull)} with containers-storage:, which names an image in the store`,
      { remedy: `Leave out one of them: ${option('pull', pull)} ${reference}` },
    );
  }
  host.report.progress?.({ type: 'stage', stage: 'image', detail: reference });
  const present = await inspectImage(engine, reference, signal);
  if (present && (pull === 'missing' || pull === 'never')) return present;
  if (!present) {
    await requireRootful(engine, signal);
    const copied = await copyFromElsewhere(host, engine, asked, options, signal);
    if (copied) return copied;
  }
  if (pull === 'never') throw neverPulled(engine, reference);
  if (asked.storeOnly) throw neverPulled(engine, reference, 'containers-storage: says that it is there');
  if (!present && asked.name === undefined)
    throw neverPulled(engine, reference, 'no image can be pulled by its ID');
  const isFixed = present && isMeantById(present, asked);
  if (present && (isFixed || isLocalhost(imageName(present, asked)))) {
    if (pull === 'newer') return present;
    throw new PodmanBootcError(
      'usage',
      'PULL_IMPOSSIBLE',
      isFixed
        ? `The image ${reference} is named by its ID, and no image can be pulled by that`
        : `The image ${reference} was built here and cannot be pulled: localhost images never are`,
      { remedy: `Leave out ${option('pull', 'always')}` },
    );
  }
  if (present) await requireRootful(engine, signal);
  host.report.info(present ? `Looking for a newer ${reference}` : `Pulling ${reference}`);
  try {
    await pullImage(engine, reference, host.report, { quiet, signal });
  } catch (error) {
    const isAway = ['IMAGE_NOT_FOUND', 'REGISTRY_UNREACHABLE'].includes(codeOf(error) ?? '');
    if (!present || pull !== 'newer' || !isAway) throw error;
    host.report.debug(`${messageOf(error)}; the one at hand is taken`);
    return present;
  }
  const pulled = await inspectImage(engine, reference, signal);
  if (pulled) return pulled;
  throw new PodmanBootcError(
    'image',
    'IMAGE_NOT_FOUND',
    `The image ${reference} was pulled but is not in the store`,
  );
}

/**
 * Takes an image from another store, if it is in one and the user wants that.
 * @returns undefined when it is to be pulled
 */
async function copyFromElsewhere(
  host: Host,
  engine: PodmanEngine,
  asked: ImageReference,
  options: RunOptions,
  signal: AbortSignal | undefined,
): Promise<Image | undefined> {
  const [found] = await findElsewhere(engine, asked.text, signal);
  if (!found) return undefined;
  const name = imageName(found.image, asked);
  const where = `${name} is not in the store of ${describeEngine(engine)}, but in that of ${describeEngine(found.engine)}`;
  const size = formatSize(found.image.size);
  const wanted = options.copy ?? (await options.confirm?.(`${where}. Copy it (${size})?`)) ?? false;
  if (wanted) {
    await copyImage(found, engine, name, host.report, signal);
    return inspectImage(engine, name, signal);
  }
  if (!isLocalhost(name)) {
    host.report.info(`${where}; ${option('copy')} takes it from there instead of pulling it`);
    return undefined;
  }
  throw new PodmanBootcError('image', 'IMAGE_ELSEWHERE', where, {
    remedy: `Add ${option('copy')}, or: ${copyCommandLine(found.engine, engine, name)}`,
  });
}
