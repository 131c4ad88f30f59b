import { parseLabel } from '../domain/labels.js';
import { PodmanBootcError } from '../errors.js';
import { option } from '../option-text.js';
import { statesAndReasons } from '../libvirt/domain/state.js';

/** Which VMs are meant: those that match one of each list that is not empty, and all of the labels. */
export interface VmFilter {
  /** Names, with `*` and `?` as in file names. */
  names?: readonly string[];
  /** Image references with or without tag, with `*` and `?`, or beginnings of image IDs from 12 digits on. */
  images?: readonly string[];
  /** States as `list` names them. */
  states?: readonly string[];
  /** Name and value; without a value a VM must have the label, whatever its value. */
  labels?: readonly (readonly [name: string, value?: string])[];
}

/** What a filter looks at. */
interface Filtered {
  name: string;
  image: { reference: string; id?: string };
  state: string;
  labels: Readonly<Record<string, string>>;
}

const states: readonly string[] = [
  ...statesAndReasons.map(([state]) => state),
  'creating',
  'removing',
  'interrupted',
];

/**
 * Reads filters as they are written on command lines: `name=web*`, `image=…`, `state=running`, `label=NAME[=VALUE]`.
 * @throws PodmanBootcError `FILTER_INVALID`, `LABEL_INVALID`
 */
export function parseFilter(words: readonly string[]): VmFilter {
  const filter = { names: [], images: [], states: [], labels: [] } as {
    names: string[];
    images: string[];
    states: string[];
    labels: [string, string?][];
  };
  for (const word of words) {
    const [, key, value = ''] = /^(name|image|state|label)=(.+)$/s.exec(word) ?? [];
    switch (key) {
      case 'name':
        filter.names.push(value);
        break;
      case 'image':
        filter.images.push(value);
        break;
      case 'state':
        if (!states.includes(value)) throw invalid(`a state to be one of ${states.join(', ')}`, value);
        filter.states.push(value);
        break;
      case 'label':
        filter.labels.push(labelFilter(value));
        break;
      default:
        throw invalid('name=, image=, state= or label= with a value', word);
    }
  }
  return filter;
}

/**
 * Reads a label that VMs are looked for by: `NAME` or `NAME=VALUE`.
 * @throws PodmanBootcError `LABEL_INVALID`
 */
export function labelFilter(word: string): [name: string, value?: string] {
  const [name, value] = parseLabel(word);
  return word.includes('=') ? [name, value] : [name];
}

function invalid(expected: string, got: string): PodmanBootcError {
  return new PodmanBootcError('usage', 'FILTER_INVALID', `Expected ${expected}, got ${JSON.stringify(got)}`, {
    remedy: `For example ${option('filter', 'state=running')} ${option('filter', 'label=stage=test')}`,
  });
}

/** Whether a VM is one of those meant. */
export function matchesFilter(vm: Filtered, filter: VmFilter): boolean {
  const { names = [], images = [], states: wanted = [], labels = [] } = filter;
  return (
    anyOf(names, (name) => matchesGlob(vm.name, name)) &&
    anyOf(images, (image) => matchesImage(vm.image, image)) &&
    anyOf(wanted, (state) => state === vm.state) &&
    labels.every(
      ([name, value]) => Object.hasOwn(vm.labels, name) && (value === undefined || vm.labels[name] === value),
    )
  );
}

function anyOf(wanted: readonly string[], matches: (word: string) => boolean): boolean {
  return wanted.length === 0 || wanted.some(matches);
}

function matchesImage({ reference, id }: Filtered['image'], wanted: string): boolean {
  return (
    matchesGlob(reference, wanted) ||
    matchesGlob(repositoryOf(reference), wanted) ||
    (/^[0-9a-f]{12,64}$/.test(wanted) && id?.startsWith(wanted) === true)
  );
}

/** A reference without tag and digest. */
function repositoryOf(reference: string): string {
  // A colon behind the last slash begins the tag; one before it, the port of a registry.
  const name = reference.lastIndexOf('/') + 1;
  const end = reference.slice(name).search(/[:@]/);
  return end === -1 ? reference : reference.slice(0, name + end);
}

/**
 * Whether all of a text is what a pattern with `*` and `?` says. Not by a regular expression: whoever names an image or a VM
 * would choose how long that takes. At a mismatch only the last `*` takes one character more, since what the earlier
 * ones took can stay: at most as many steps as the product of the lengths.
 */
function matchesGlob(text: string, pattern: string): boolean {
  let at = 0;
  let next = 0;
  let star: { pattern: number; text: number } | undefined;
  while (at < text.length) {
    if (pattern[next] === '*') {
      star = { pattern: ++next, text: at };
    } else if (pattern[next] === '?' || pattern[next] === text[at]) {
      next++;
      at++;
    } else if (star) {
      next = star.pattern;
      at = ++star.text;
    } else return false;
  }
  return /^\**$/.test(pattern.slice(next));
}
