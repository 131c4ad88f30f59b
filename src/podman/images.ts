import type * as Valibot from 'valibot';
import { PodmanBootcError } from '../errors.js';
import { option } from '../option-text.js';
import type { Reporter } from '../report.js';
import { reportTransfer } from '../transfer.js';
import {
  describeEngine,
  endless,
  engineCommand,
  lastLine,
  parsePodmanJson,
  runPodman,
  unreachable,
  type PodmanEngine,
} from './engine.js';
import { pulledBytes } from './pull-size.js';
import type { ImageReference } from './reference.js';
import { pullError } from './translate.js';

/** An image in an engine's store. */
export interface Image {
  /** 64 hex digits. */
  id: string;
  /** Manifest digest, `sha256:…`. */
  digest: string | undefined;
  /** Tags such as `quay.io/fedora/fedora-bootc:42`. */
  names: string[];
  /** The same with digests, such as `quay.io/fedora/fedora-bootc@sha256:…`. */
  digests: string[];
  /** In podman's terms: `amd64`, `arm64`. */
  architecture: string;
  /** Bytes, uncompressed. */
  size: number;
  labels: Record<string, string>;
  /** Digests of its layers, uncompressed, the lowest first. */
  layers: string[];
}

/** A line of `podman-bootc images`. */
export interface ListedImage {
  id: string;
  names: string[];
  digest: string | undefined;
  /** Bytes, uncompressed. */
  size: number;
  /** ISO 8601. */
  created: string;
}

/** The label by which bootc images are known; https://bootc-dev.github.io/bootc/bootc-images.html */
const bootcLabel = 'containers.bootc=1';

/** With this an image is meant, however it is called: 64 hexadecimal digits. */
const imageId = /^(?:sha256:)?[0-9a-f]{64}$/;

/** What is read of `podman image inspect`, the same from podman 4.3 to 5.4. */
const imageInspection = (v: typeof Valibot) =>
  v.array(
    v.object({
      Id: v.pipe(v.string(), v.regex(imageId, 'an image ID')),
      Digest: v.optional(v.string()),
      RepoTags: v.nullish(v.array(v.string())),
      RepoDigests: v.nullish(v.array(v.string())),
      Architecture: v.string(),
      Size: v.pipe(v.number(), v.safeInteger('a number of bytes'), v.minValue(0, 'a number of bytes')),
      Labels: v.nullish(v.record(v.string(), v.string())),
      RootFS: v.nullish(v.object({ Layers: v.nullish(v.array(v.string())) })),
    }),
  );

/** What is read of `podman images`. */
const imageList = (v: typeof Valibot) =>
  v.array(
    v.object({
      Id: v.pipe(v.string(), v.regex(imageId, 'an image ID')),
      Names: v.nullish(v.array(v.string())),
      Digest: v.optional(v.string()),
      Size: v.pipe(v.number(), v.safeInteger('a number of bytes'), v.minValue(0, 'a number of bytes')),
      // Seconds; what ends before the year 10000 is a date.
      Created: v.pipe(
        v.number(),
        v.minValue(-62_000_000_000, 'a time'),
        v.maxValue(253_000_000_000, 'a time'),
      ),
    }),
  );

/**
 * Finds an image in an engine's store; undefined when it is not there.
 * @param timeout of each question, in milliseconds; default `questionPatience`
 */
export async function inspectImage(
  engine: PodmanEngine,
  reference: string,
  signal?: AbortSignal,
  timeout?: number,
): Promise<Image | undefined> {
  const result = await runPodman(engine, ['image', 'inspect', '--', reference], { signal, timeout });
  if (result.exitCode !== 0) {
    // Exit code 1 of `image exists` means "not there"; anything else is podman's own trouble.
    const exists = await runPodman(engine, ['image', 'exists', '--', reference], { signal, timeout });
    if (exists.exitCode === 1) return undefined;
    if (/unable to connect to Podman|Cannot connect to Podman/i.test(result.stderr))
      throw unreachable(engine, result.stderr);
    throw new PodmanBootcError(
      'host',
      'PODMAN_UNREACHABLE',
      `podman could not look up the image ${reference} in the store of ${describeEngine(engine)}: ${lastLine(result.stderr)}`,
      { remedy: `Try \`${engineCommand(engine)} image inspect ${reference}\``, output: result.stderr },
    );
  }
  const [image] = await parsePodmanJson('podman image inspect', result.stdout, imageInspection);
  if (image === undefined) return undefined;
  return {
    id: image.Id.replace(/^sha256:/, ''),
    digest: image.Digest === '' ? undefined : image.Digest,
    names: image.RepoTags ?? [],
    digests: image.RepoDigests ?? [],
    architecture: image.Architecture,
    size: image.Size,
    labels: image.Labels ?? {},
    layers: image.RootFS?.Layers ?? [],
  };
}

/** Whether an image was built here: nothing answers there. */
export function isLocalhost(reference: string): boolean {
  return reference.startsWith('localhost/');
}

/**
 * That an image is not there and must not be pulled.
 * @param why goes on in the middle of a sentence; default: it was asked for that nothing is pulled
 */
export function neverPulled(engine: PodmanEngine, reference: string, why?: string): PodmanBootcError {
  return new PodmanBootcError(
    'image',
    'IMAGE_NOT_FOUND',
    `The image ${reference} is not in the store of ${describeEngine(engine)}, and ${why ?? `${option('pull', 'never')} keeps it from being pulled`}`,
    {
      remedy:
        why === undefined
          ? `Pull it yourself (${engineCommand(engine)} pull ${reference}), or leave out ${option('pull', 'never')}`
          : `List what is there: ${engineCommand(engine)} images`,
    },
  );
}

/**
 * Pulls an image. `localhost/…` is never pulled: nothing answers there.
 *
 * podman tells bytes on a terminal only. Of one on this Linux host they are found in the files that it writes.
 * @param quiet keeps podman's output back
 * @throws PodmanBootcError `IMAGE_NOT_FOUND` and those of `pullError`
 */
export async function pullImage(
  engine: PodmanEngine,
  reference: string,
  report: Reporter,
  options: { quiet?: boolean | undefined; signal?: AbortSignal | undefined } = {},
): Promise<void> {
  if (isLocalhost(reference)) {
    throw new PodmanBootcError(
      'image',
      'IMAGE_NOT_FOUND',
      `The image ${reference} is not in the store of ${describeEngine(engine)}, and localhost images are never pulled`,
      { remedy: `Build it there: ${engineCommand(engine)} build -t ${reference} .` },
    );
  }
  let podman: number | undefined;
  using _transfer = reportTransfer(report, 'image', async () => podman && pulledBytes(podman));
  const result = await runPodman(engine, ['pull', '--', reference], {
    signal: options.signal,
    timeout: endless,
    keep: 'end',
    onStart: (pid) => {
      if (engine.kind === 'local' && process.platform === 'linux') podman = pid;
    },
    onOutput: (chunk) => {
      if (options.quiet !== true) report.output(chunk);
    },
  });
  if (result.exitCode !== 0) throw pullError(reference, result.stderr);
}

/** Lists the bootc images in an engine's store: those with the label `containers.bootc=1`. */
export async function listBootcImages(engine: PodmanEngine, signal?: AbortSignal): Promise<ListedImage[]> {
  const result = await runPodman(engine, ['images', '--filter', `label=${bootcLabel}`, '--format', 'json'], {
    signal,
  });
  if (result.exitCode !== 0) {
    if (/unable to connect to Podman|Cannot connect to Podman/i.test(result.stderr))
      throw unreachable(engine, result.stderr);
    throw new PodmanBootcError(
      'host',
      'PODMAN_UNREACHABLE',
      `podman could not list the images of ${describeEngine(engine)}: ${lastLine(result.stderr)}`,
      { remedy: `Try \`${engineCommand(engine)} images\``, output: result.stderr },
    );
  }
  const images = await parsePodmanJson('podman images', result.stdout, imageList);
  const listed = new Map<string, ListedImage>();
  for (const image of images) {
    // podman 4.3 repeats an image for each of its names, with all of them each time.
    const names = new Set([...(listed.get(image.Id)?.names ?? []), ...(image.Names ?? [])]);
    listed.set(image.Id, {
      id: image.Id,
      names: [...names],
      digest: image.Digest,
      size: image.Size,
      created: new Date(image.Created * 1000).toISOString(),
    });
  }
  return [...listed.values()];
}

/** Whether an image was found by its ID, not by a name that happens to consist of hexadecimal digits. */
export function isMeantById(image: Image, { id, name }: ImageReference): boolean {
  return (
    id !== undefined &&
    image.id.startsWith(id) &&
    (name === undefined || !image.names.some((each) => `/${repositoryOf(each)}`.endsWith(`/${name}`)))
  );
}

/**
 * The name that an image is recorded under, run under, and that the installed system updates from. A tag is what the user
 * said; all other words for an image (an ID, however much of it, a digest) lead to one name of those that the image has:
 * one under which it was installed before, else the first in order, tags before digests and a registry's names before
 * `localhost/`, which cannot be updated from. An image without a name has its whole ID.
 * @param installed names of it under which base disks were made, the oldest first
 */
export function imageName(
  image: Image,
  reference: ImageReference,
  installed: readonly string[] = [],
): string {
  const { name, digest } = reference;
  const first = (names: readonly string[]): string | undefined => [...names].sort(byOrigin)[0];
  if (name !== undefined && !isMeantById(image, reference)) {
    const ofRepository = (names: readonly string[]): string[] =>
      names.filter((each) => `/${repositoryOf(each)}`.endsWith(`/${name}`));
    const tag = reference.tag ?? (digest === undefined ? 'latest' : undefined);
    const tagged = ofRepository(image.names).filter((each) => each.endsWith(`:${tag}`));
    // As podman resolves a short name: what was built here comes first.
    const meant = tagged.find(isLocalhost) ?? first(tagged);
    if (tag !== undefined && meant !== undefined) return meant;
    const other =
      ofRepository(installed)[0] ?? first(ofRepository(image.names)) ?? first(ofRepository(image.digests));
    if (digest !== undefined && other !== undefined) return other;
  }
  return installed[0] ?? first(image.names) ?? first(image.digests) ?? image.id;
}

/**
 * Which of these names are an image's now. They need not be in what podman says of it: where it is in several stores
 * (storage.conf(5), additionalimagestores), podman tells the names of one.
 */
export async function namesOf(
  engine: PodmanEngine,
  image: Image,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<string[]> {
  const known = [...image.names, ...image.digests, image.id];
  const own: string[] = [];
  for (const name of new Set(names)) {
    if (known.includes(name) || (await inspectImage(engine, name, signal))?.id === image.id) own.push(name);
  }
  return own;
}

/** An order that does not depend on which name was given last, as podman's own does. */
function byOrigin(a: string, b: string): number {
  return Number(isLocalhost(a)) - Number(isLocalhost(b)) || (a < b ? -1 : 1);
}

/** A name without its tag or digest. */
export function repositoryOf(name: string): string {
  const named = name.split('@', 1)[0] ?? name;
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1);
  return colon === -1 ? named : named.slice(0, colon);
}
