import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../errors.js';
import {
  blobPath,
  checkBlobs,
  findImage,
  layersOf,
  layoutName,
  pruneLayout,
  type LaidOutImage,
} from '../../oci/layout.js';
import { isThere } from '../../paths.js';
import type { PodmanEngine } from '../../podman/engine.js';
import { saveLayout } from '../../podman/layout.js';
import { makeDirectory } from '../host/directories.js';
import type { Host } from '../host/host.js';
import { acquireLock } from '../host/lock.js';

/** A version of an image, to be served from; nobody changes its layout until it is disposed of. */
export interface HeldLayout extends AsyncDisposable {
  image: LaidOutImage;
  /** Which of the versions that were wanted beside it has the manifest; undefined where none has. */
  before: EarlierVersion | undefined;
}

/** A version that is in the store and may have no name any longer. */
export interface EarlierVersion {
  id: string;
  /** Of its manifest, as podman calls it or has called it. */
  digests: readonly string[];
  /** Digests of its layers, uncompressed, lowest first. */
  layers: readonly string[];
}

/**
 * Brings the layout of a repository up to the present version of an image. One layout is kept for each in the cache directory,
 * with what that version needs: the next one costs the layers that are new.
 * @param o.repository name of the image without a tag
 * @param o.reference the same with it
 * @param o.before keeps the layers of an earlier version as well: of the first one whose manifest, as podman or the layout has it,
 *   has this digest
 * @throws PodmanBootcError `LAYOUT_FAILED`, `LAYOUT_DAMAGED`
 */
export async function holdLayout(
  host: Host,
  engine: PodmanEngine,
  o: {
    repository: string;
    reference: string;
    before?: { manifest: string; among: readonly EarlierVersion[] };
  },
  signal?: AbortSignal,
): Promise<HeldLayout> {
  const name = layoutName(o.repository);
  const parent = join(host.directories.cache, 'layouts');
  const directory = join(parent, name);
  await makeDirectory(parent, host.directories);
  const lock = await acquireLock(host, `layout-${name}`, { what: `updates from ${o.repository}`, signal });
  try {
    const saved = await save().catch(async (error: unknown) => {
      // Cut short, or deleted in part: it is made anew.
      if (codeOf(error) !== 'LAYOUT_DAMAGED' && codeOf(error) !== 'LAYOUT_FAILED') throw error;
      await rm(directory, { recursive: true, force: true });
      return save();
    });
    await pruneLayout(saved.image, saved.before?.layers);
    return { ...saved, [Symbol.asyncDispose]: () => lock[Symbol.asyncDispose]() };
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }

  async function save(): Promise<Pick<HeldLayout, 'image' | 'before'>> {
    const before = o.before && (await saveEarlier(o.before));
    await saveLayout(engine, o.reference, directory, signal);
    const image = await findImage(directory, o.reference);
    await checkBlobs(image);
    return { image, before };
  }

  async function saveEarlier({
    manifest,
    among,
  }: NonNullable<typeof o.before>): Promise<EarlierVersion | undefined> {
    const known = among.find(({ digests }) => digests.includes(manifest));
    if (known && (await hasLayers(known))) return known;
    for (const version of known ? [known] : among) {
      await saveLayout(engine, version.id, directory, signal);
      // What was pulled had compressed layers, and has another manifest here.
      const isIt =
        version === known || (await layersOf(directory, manifest))?.join() === version.layers.join();
      if (isIt && (await hasLayers(version))) return version;
    }
    return undefined;
  }

  async function hasLayers({ layers }: EarlierVersion): Promise<boolean> {
    const found = await Promise.all(layers.map((digest) => isThere(blobPath(directory, digest))));
    return layers.length > 0 && found.every((isHere) => isHere);
  }
}
