import { PodmanBootcError } from '../errors.js';
import { parseSize } from '../sizes.js';

/** Reads the size of an option; see `parseSize`. */
export function parseSizeOption(option: string): (value: string) => number {
  return (value) => parseSize(option, value);
}

/**
 * Reads a count: a whole number from 1 on.
 * @throws PodmanBootcError `COUNT_INVALID`
 */
export function parseCount(option: string): (value: string) => number {
  return (value) => {
    const count = Number(value);
    if (/^\d{1,6}$/.test(value) && count >= 1) return count;
    throw new PodmanBootcError(
      'usage',
      'COUNT_INVALID',
      `Expected ${option} to be a whole number from 1 on, got '${value}'`,
      {
        remedy: `For example ${option} 2`,
      },
    );
  };
}
