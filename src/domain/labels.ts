import { PodmanBootcError } from '../errors.js';
import { option } from '../option-text.js';
import { child, children, element, type XmlElement } from './xml.js';

/** What a user says of a VM, to find it again: name to value. */
export type Labels = Readonly<Record<string, string>>;

/**
 * Reads a label as it is written on command lines: `NAME=VALUE`; without `=` the value is empty.
 *
 * @throws PodmanBootcError `LABEL_INVALID` (usage)
 */
export function parseLabel(word: string): [name: string, value: string] {
  const sign = word.indexOf('=');
  const label: [string, string] = sign === -1 ? [word, ''] : [word.slice(0, sign), word.slice(sign + 1)];
  checkLabel(...label);
  return label;
}

/**
 * Refuses a name that could not be typed in a filter, and a value that a table could not show.
 *
 * @throws PodmanBootcError `LABEL_INVALID` (usage)
 */
export function checkLabel(name: string, value: string): void {
  if (!/^[A-Za-z0-9_][A-Za-z0-9_./-]{0,254}$/.test(name))
    throw invalid(
      'the name of a label to be 1 to 255 letters, digits, dots, slashes, dashes and underscores',
      name,
    );
  if (/\p{Control}|\p{Surrogate}/u.test(value) || value.length > 4096)
    throw invalid(
      `the value of the label ${name} to be at most 4096 characters, none of them a control character`,
      value,
    );
}

function invalid(expected: string, value: string): PodmanBootcError {
  const shown = JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}…` : value);
  return new PodmanBootcError('usage', 'LABEL_INVALID', `Expected ${expected}, got ${shown}`, {
    remedy: `For example ${option('labels', 'stage=test')}`,
  });
}

/** Labels as an element of our record; none without labels. Each name of an element gets the prefix. */
export function labelsElement(labels: Labels, prefix: string): XmlElement | undefined {
  const named = (name: string): string => (prefix === '' ? name : `${prefix}:${name}`);
  const each = Object.entries(labels).map(([name, value]) =>
    element(named('label'), { name }, ...(value === '' ? [] : [value])),
  );
  return each.length === 0 ? undefined : element(named('labels'), {}, ...each);
}

/** The labels in our record, of which `prefix` is the prefix. One without a name is passed over: it has no use. */
export function labelsOf(record: XmlElement, prefix: string): Record<string, string> {
  const named = (name: string): string => (prefix === '' ? name : `${prefix}:${name}`);
  // Not text(): a value may begin with a space.
  return Object.fromEntries(
    children(child(record, named('labels')), named('label')).flatMap(({ attributes, children: content }) =>
      attributes.name === undefined
        ? []
        : [[attributes.name, content.filter((part) => typeof part === 'string').join('')]],
    ),
  );
}

/** Puts these labels into our record in place of those that it has; everything else in it stays. */
export function replaceLabels(record: XmlElement, labels: Labels, prefix: string): void {
  const old = child(record, prefix === '' ? 'labels' : `${prefix}:labels`);
  const added = labelsElement(labels, prefix);
  record.children = [...record.children.filter((each) => each !== old), ...(added ? [added] : [])];
}
