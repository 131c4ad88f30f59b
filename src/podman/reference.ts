import { PodmanBootcError } from '../errors.js';

/** A word that names an image, taken apart. */
export interface ImageReference {
  /** What podman is asked for: the word without `containers-storage:`, or `sha256:` before an ID. */
  text: string;
  /** An image ID or the beginning of one is also a possible name: podman's store decides. Lower-case hexadecimal digits. */
  id: string | undefined;
  /** Registry and repository, or the end of that; undefined for a whole ID. */
  name: string | undefined;
  tag: string | undefined;
  /** `sha256:…` */
  digest: string | undefined;
  /** Whether it is said to be in the store (`containers-storage:`), and so not to be pulled. */
  storeOnly: boolean;
}

/** What is wrong with a word, and what to do; both go on in the middle of a sentence. */
interface Fault {
  what: string;
  remedy?: string;
}

// The grammar of references: https://github.com/distribution/reference/blob/main/reference.go, with the limits of
// containers/image, which podman uses.
const longestName = 255;
const longestTag = 128;
const domainComponent = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?';
const domain = new RegExp(
  `^(?:${domainComponent}(?:\\.${domainComponent})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`,
);
const pathComponent = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const tagPattern = /^\w[\w.-]*$/;
/** Hexadecimal digits of each digest (https://github.com/opencontainers/image-spec/blob/main/descriptor.md#digests). */
const digestLengths: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 };

/** containers-transports(5), and those that are older; besides `containers-storage`, which is podman's store. */
const transports = [
  'atomic',
  'dir',
  'docker',
  'docker-archive',
  'docker-daemon',
  'oci',
  'oci-archive',
  'ostree',
  'sif',
  'tarball',
];

/**
 * Reads what a user calls an image: a name with or without registry, tag and digest, or an ID or its beginning.
 * @throws PodmanBootcError `IMAGE_REFERENCE_INVALID`
 */
export function parseImageReference(word: string): ImageReference {
  const storage = 'containers-storage:';
  const storeOnly = word.startsWith(storage);
  const text = storeOnly ? word.slice(storage.length) : word;
  const wholeId = /^(?:sha256:)?([0-9a-f]{64})$/.exec(text)?.[1];
  if (wholeId !== undefined)
    return { text: wholeId, id: wholeId, name: undefined, tag: undefined, digest: undefined, storeOnly };
  const fault = faultOf(text);
  if (fault) throw invalid(word, fault);
  const { name, tag, digest } = split(text);
  const id = /^[0-9a-f]{1,63}$/.test(text) ? text : undefined;
  return { text, id, name, tag, digest, storeOnly };
}

/** Where the parts of a reference begin; whatever they hold. */
function split(text: string): { name: string; tag: string | undefined; digest: string | undefined } {
  const [named = '', ...digests] = text.split('@');
  // A colon before a slash is a port's.
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1);
  return {
    name: colon === -1 ? named : named.slice(0, colon),
    tag: colon === -1 ? undefined : named.slice(colon + 1),
    digest: digests.length === 0 ? undefined : digests.join('@'),
  };
}

function faultOf(text: string): Fault | undefined {
  if (text === '') return { what: 'it is empty' };
  if (text.length > 1024) return { what: `it has ${text.length} characters` };
  if (/[^\x21-\x7e]/.test(text))
    return { what: 'it holds spaces, control characters or letters beyond ASCII' };
  const transport = /^([a-z-]+):/.exec(text)?.[1];
  if (transport !== undefined && transports.includes(transport)) return transportFault(transport, text);
  const scheme = /^([A-Za-z][\w+.-]*):\/\/(.*)$/.exec(text);
  if (scheme) return { what: `${scheme[1]}:// is not part of one`, remedy: `Leave it out: ${scheme[2]}` };
  const { name, tag, digest } = split(text);
  return (
    nameFault(name) ??
    (tag === undefined ? undefined : tagFault(tag)) ??
    (digest === undefined ? undefined : digestFault(digest)) ??
    (name === 'sha256'
      ? { what: `an ID behind sha256: has 64 hexadecimal digits, from 0 to 9 and a to f` }
      : undefined)
  );
}

function transportFault(transport: string, text: string): Fault {
  const rest = text.slice(transport.length + 1);
  if (transport === 'docker') {
    return {
      what: 'the transport docker:// is not part of one',
      remedy: `Leave it out: ${rest.replace(/^\/\//, '') || 'quay.io/fedora/fedora-bootc:42'}`,
    };
  }
  return {
    what: `${transport}: is a transport, and images are taken from podman's store`,
    remedy: `Pull it into the store first: podman pull ${text}; an image that is called ${transport} has a longer name, such as localhost/${transport}:latest`,
  };
}

function nameFault(name: string): Fault | undefined {
  if (name === '') return { what: 'it has no name before the tag or the digest' };
  if (name.length > longestName)
    return { what: `its name has ${name.length} characters, and at most ${longestName} are possible` };
  const parts = name.split('/');
  if (parts.includes('')) {
    return {
      what: 'its name has an empty part',
      remedy: `Write single slashes between its parts: ${parts.filter((part) => part !== '').join('/') || 'localhost/name'}`,
    };
  }
  const [first = '', ...others] = parts;
  const isRegistry = others.length > 0 && (/[.:[]/.test(first) || first === 'localhost');
  if (isRegistry && !domain.test(first))
    return { what: `${JSON.stringify(first)} is not a registry: a host's name, with or without a port` };
  const wrong = (isRegistry ? others : parts).find((part) => !pathComponent.test(part));
  if (wrong === undefined) return undefined;
  const lower = wrong.toLowerCase();
  if (wrong !== lower && pathComponent.test(lower)) {
    return {
      what: `${JSON.stringify(wrong)} has upper-case letters`,
      remedy: `Names of images are lower-case: ${isRegistry ? `${first}/` : ''}${(isRegistry ? others : parts).join('/').toLowerCase()}`,
    };
  }
  return {
    what: `${JSON.stringify(wrong)} is not a part of a name: letters and digits, with . _ __ or dashes between them`,
  };
}

function tagFault(tag: string): Fault | undefined {
  if (tag === '') {
    return {
      what: 'there is no tag behind the colon',
      remedy: 'Leave the colon out, or write a tag behind it',
    };
  }
  if (tag.length > longestTag)
    return { what: `its tag has ${tag.length} characters, and at most ${longestTag} are possible` };
  if (tagPattern.test(tag)) return undefined;
  return { what: `${JSON.stringify(tag)} is not a tag: letters, digits, _ . and -, the first no . or -` };
}

function digestFault(digest: string): Fault | undefined {
  const [, algorithm = '', digits] = /^([a-z0-9]+):(.*)$/.exec(digest) ?? [];
  const length = digestLengths[algorithm];
  if (length === undefined || digits === undefined)
    return { what: 'its digest is not sha256: with 64 hexadecimal digits behind it' };
  if (!/^[0-9a-f]*$/.test(digits))
    return { what: 'its digest has other characters than the hexadecimal digits 0 to 9 and a to f' };
  if (digits.length === length) return undefined;
  return {
    what: `its digest has ${digits.length} hexadecimal digits instead of ${length}`,
    remedy: 'Digests cannot be shortened, IDs can: podman images --digests shows both',
  };
}

function invalid(word: string, { what, remedy }: Fault): PodmanBootcError {
  const shown = word.length > 100 ? `${word.slice(0, 99)}…` : word;
  return new PodmanBootcError(
    'usage',
    'IMAGE_REFERENCE_INVALID',
    `Expected an image reference such as quay.io/fedora/fedora-bootc:42, got ${JSON.stringify(shown)}: ${what}`,
    { remedy: remedy ?? 'List the images at hand with `podman-bootc images`' },
  );
}
