import { originated, type Originated, type Origins } from '../../domain/origins.js';
import { messageOf, PodmanBootcError } from '../../errors.js';
import { option } from '../../option-text.js';
import { labelName, labelPrefix } from '../option-values.js';
import {
  definitionOf,
  optionDefinitions,
  parseOption,
  type OptionValue,
  type OptionWords,
  type RunOptions,
} from './options.js';

/** What a VM is to have, from the options, the image's labels and our defaults, in that order. */
export type Requirements = {
  [K in Originated]: OptionValue<K> | (typeof optionDefinitions)[K]['label']['otherwise'];
} & {
  /** Where each came from. */
  origins: Origins;
};

/**
 * Decides what a VM has: what was asked for, else what its image asks for, else our defaults. A label is not even read
 * where the option was given.
 * @param warn told of labels below our prefix that mean nothing
 * @throws PodmanBootcError `IMAGE_LABEL_INVALID` (image) naming the label
 */
export function chooseRequirements(
  asked: RunOptions,
  labels: Readonly<Record<string, string>>,
  warn: (message: string) => void,
): Requirements {
  for (const label of unknownLabels(labels)) {
    warn(`The image has the label ${label}, which means nothing to this version of podman-bootc`);
  }
  const origins: Origins = {};
  const values: Partial<Record<Originated, unknown>> = {};
  for (const what of originated) {
    const text = labels[labelPrefix + labelName(what)];
    if (asked[what] !== undefined) {
      origins[what] = 'option';
      values[what] = asked[what];
    } else if (text !== undefined) {
      origins[what] = 'image label';
      values[what] = readLabel(what, text);
    } else {
      origins[what] = 'default';
      values[what] = optionDefinitions[what].label.otherwise;
    }
  }
  return { ...(values as Omit<Requirements, 'origins'>), origins };
}

function readLabel<K extends Originated>(name: K, text: string): OptionValue<K> {
  const label = labelPrefix + labelName(name);
  const { words, restrict } = optionDefinitions[name].label as {
    words?: (text: string, what: string) => OptionWords<K>;
    restrict?: (value: OptionValue<K>) => void;
  };
  try {
    const trimmed = text.trim();
    const value = parseOption(name, words ? words(trimmed, label) : (trimmed as OptionWords<K>), label);
    restrict?.(value);
    definitionOf(name).check?.(value, label);
    return value;
  } catch (cause) {
    const remedy = name === 'composefsBackend' ? `${option(name)} or ${option(name, false)}` : option(name);
    throw new PodmanBootcError(
      'image',
      'IMAGE_LABEL_INVALID',
      `The image's label ${label}=${JSON.stringify(text)} cannot be used: ${messageOf(cause)}`,
      { remedy: `Mend the label, or say what is wanted with ${remedy}`, cause },
    );
  }
}

/** Labels with our prefix that we do not know; a dot behind it is for labels of tools around us. */
function unknownLabels(labels: Readonly<Record<string, string>>): string[] {
  const known = originated.map(labelName);
  return Object.keys(labels).filter((label) => {
    const name = label.startsWith(labelPrefix) ? label.slice(labelPrefix.length) : undefined;
    return name !== undefined && !name.includes('.') && !known.includes(name);
  });
}
