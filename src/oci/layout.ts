import { createHash } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readRegularFile } from '../durable-file.js';
import { codeOf, PodmanBootcError } from '../errors.js';
import { JsonError, readJson, type JsonSchema } from '../json.js';
import { isMissing } from '../paths.js';
import { MiB } from '../sizes.js';

/*
 * An OCI image layout (https://github.com/opencontainers/image-spec/blob/main/image-layout.md): index.json names manifests, and
 * blobs/ALGORITHM/DIGEST has them and all that they name.
 */

/** A blob by its content. */
export interface Descriptor {
  mediaType: string;
  /** `sha256:…` */
  digest: string;
  /** Bytes. */
  size: number;
}

/** A version of an image in a layout. */
export interface LaidOutImage {
  /** The layout's directory. */
  directory: string;
  manifest: Descriptor;
  config: Descriptor;
  layers: readonly Descriptor[];
}

/** Manifests and indexes are lists of digests. */
const longestDocument = 4 * MiB;

/** What names a version in index.json; podman writes the whole reference. */
const referenceAnnotation = 'org.opencontainers.image.ref.name';

const digestPattern = /^sha256:[0-9a-f]{64}$/;

/**
 * Finds the newest version of a reference in a layout: whoever saves into one that is there appends.
 * @throws PodmanBootcError `LAYOUT_DAMAGED`
 */
export async function findImage(directory: string, reference: string): Promise<LaidOutImage> {
  const { manifests } = await readDocument(join(directory, 'index.json'), indexSchema);
  const manifest = manifests.findLast(({ annotations }) => annotations?.[referenceAnnotation] === reference);
  if (!manifest) throw damaged(directory, `does not name ${reference}`);
  const { config, layers } = await readDocument(blobPath(directory, manifest.digest), manifestSchema);
  return { directory, manifest, config, layers };
}

/** Where a layout has a blob. The digest is one that a manifest names, or matches the pattern of one. */
export function blobPath(directory: string, digest: string): string {
  return join(directory, 'blobs', ...digest.split(':'));
}

/** All blobs of an image. */
export function blobsOf({ manifest, config, layers }: LaidOutImage): Descriptor[] {
  return [manifest, config, ...layers];
}

/**
 * Looks whether all blobs of an image are there, as long as they have to be. Whoever gets one checks its digest.
 * @throws PodmanBootcError `LAYOUT_DAMAGED`
 */
export async function checkBlobs(image: LaidOutImage): Promise<void> {
  for (const { digest, size } of blobsOf(image)) {
    const path = blobPath(image.directory, digest);
    const found = await stat(path).then(
      (status) => status.size,
      (error: unknown) => {
        if (isMissing(error)) return undefined;
        throw error;
      },
    );
    if (found !== size)
      throw damaged(path, found === undefined ? 'is missing' : `has ${found} bytes instead of ${size}`);
  }
}

/**
 * The layers of a version by the digest of its manifest, also of one whose layers have been pruned.
 * @returns their digests; undefined where the layout does not know the version
 */
export async function layersOf(directory: string, manifest: string): Promise<string[] | undefined> {
  if (!digestPattern.test(manifest)) return undefined;
  try {
    const { layers } = await readDocument(blobPath(directory, manifest), manifestSchema);
    return layers.map(({ digest }) => digest);
  } catch (error) {
    if (codeOf(error) === 'LAYOUT_DAMAGED') return undefined;
    throw error;
  }
}

/**
 * Removes the blobs of a layout that an image does not name. What is no blob stays, and so do the manifests of versions before:
 * they say which layers a guest has that runs one of them.
 * @param others digests that are kept as well
 * @returns how many were removed
 */
export async function pruneLayout(image: LaidOutImage, others: readonly string[] = []): Promise<number> {
  const directory = join(image.directory, 'blobs', 'sha256');
  const { manifests } = await readDocument(join(image.directory, 'index.json'), indexSchema);
  const named = [...blobsOf(image), ...manifests].map(({ digest }) => digest);
  const kept = new Set([...named, ...others]);
  const names = (await readdir(directory)).filter((name) => digestPattern.test(`sha256:${name}`));
  const unused = names.filter((name) => !kept.has(`sha256:${name}`));
  for (const name of unused) await rm(join(directory, name), { force: true });
  return unused.length;
}

/** The file name of the layout of a repository: no two have the same, and none is more than a name. */
export function layoutName(repository: string): string {
  const words = repository.replaceAll(/[^a-z0-9]+/gi, '-').slice(-40);
  return `${words}-${createHash('sha256').update(repository).digest('hex').slice(0, 12)}`;
}

async function readDocument<T>(path: string, schema: JsonSchema<T>): Promise<T> {
  let content: Awaited<ReturnType<typeof readRegularFile>>;
  try {
    content = await readRegularFile(path, longestDocument);
  } catch (error) {
    if (isMissing(error)) throw damaged(path, 'is missing');
    throw error;
  }
  if (typeof content === 'string') throw damaged(path, `is ${content}`);
  try {
    return await readJson(path, content.toString('utf8'), schema);
  } catch (error) {
    if (error instanceof JsonError) throw damaged(path, `cannot be read (expected ${error.message})`, error);
    throw error;
  }
}

function damaged(path: string, why: string, cause?: unknown): PodmanBootcError {
  return new PodmanBootcError(
    'image',
    'LAYOUT_DAMAGED',
    `The copy of the image that is kept for updates is damaged: ${path} ${why}`,
    {
      remedy: 'Run the same command again: it is made anew',
      cause,
    },
  );
}

const descriptor = ((v) =>
  v.object({
    mediaType: v.string(),
    digest: v.pipe(v.string(), v.regex(digestPattern, 'a sha256 digest')),
    size: v.pipe(v.number(), v.integer('a whole number'), v.minValue(0, 'positive')),
  })) satisfies JsonSchema<Descriptor>;

const indexSchema = ((v) =>
  v.object({
    manifests: v.array(
      v.object({ ...descriptor(v).entries, annotations: v.optional(v.record(v.string(), v.string())) }),
    ),
  })) satisfies JsonSchema<unknown>;

const manifestSchema = ((v) =>
  v.object({ config: descriptor(v), layers: v.array(descriptor(v)) })) satisfies JsonSchema<unknown>;
