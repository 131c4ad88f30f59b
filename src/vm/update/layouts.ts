import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../errors.js';
import { checkBlobs, findImage, layoutName, pruneLayout, type LaidOutImage } from '../../oci/layout.js';
import type { PodmanEngine } from '../../podman/engine.js';
import { saveLayout } from '../../podman/layout.js';
import { makeDirectory } from '../host/directories.js';
import type { Host } from '../host/host.js';
import { acquireLock } from '../host/lock.js';

/** A version of an image, to be served from; nobody changes its layout until it is disposed of. */
export interface HeldLayout extends AsyncDisposable {
  image: LaidOutImage;
}

/**
 * Brings the layout of a repository up to the present version of an image. One layout is kept for each in the cache directory,
 * with what that version needs: the next one costs the layers that are new.
 * @param o.repository name of the image without a tag
 * @param o.reference the same with it
 * @throws PodmanBootcError `LAYOUT_FAILED`, `LAYOUT_DAMAGED`
 */
export async function holdLayout(
  host: Host,
  engine: PodmanEngine,
  o: { repository: string; reference: string },
  signal?: AbortSignal,
): Promise<HeldLayout> {
  const name = layoutName(o.repository);
  const parent = join(host.directories.cache, 'layouts');
  const directory = join(parent, name);
  await makeDirectory(parent, host.directories);
  const lock = await acquireLock(host, `layout-${name}`, { what: `updates from ${o.repository}`, signal });
  try {
    const image = await save().catch(async (error: unknown) => {
      // Cut short, or deleted in part: it is made anew.
      if (codeOf(error) !== 'LAYOUT_DAMAGED' && codeOf(error) !== 'LAYOUT_FAILED') throw error;
      await rm(directory, { recursive: true, force: true });
      return save();
    });
    await pruneLayout(image);
    return { image, [Symbol.asyncDispose]: () => lock[Symbol.asyncDispose]() };
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }

  async function save(): Promise<LaidOutImage> {
    await saveLayout(engine, o.reference, directory, signal);
    const image = await findImage(directory, o.reference);
    await checkBlobs(image);
    return image;
  }
}
