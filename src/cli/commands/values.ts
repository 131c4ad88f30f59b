import { PodmanBootcError } from '../../errors.js';
import type { WhichBoot } from '../../vm/host/console-source.js';

/** For options that may be repeated: all of their values in order. */
export function repeated(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value];
}

/**
 * Reads a number of seconds, fractions allowed. @returns milliseconds
 * @throws PodmanBootcError `SECONDS_INVALID`
 */
export function parseSeconds(option: string): (value: string) => number {
  return (value) => {
    const seconds = Number(value);
    // Timers of Node end at 2^31 ms.
    if (/^\d+(\.\d+)?$/.test(value) && seconds <= 2_000_000) return Math.round(seconds * 1000);
    throw new PodmanBootcError(
      'usage',
      'SECONDS_INVALID',
      `Expected ${option} to be a number of seconds up to 2000000, got '${value}'`,
      { remedy: `For example ${option} 30` },
    );
  };
}

/**
 * Reads which boot is meant: 0, -1 and so on, or the one that an update failed with.
 * @throws PodmanBootcError `BOOT_INVALID`
 */
export function parseBoot(value: string): WhichBoot {
  if (value === 'failed') return value;
  if (/^(?:0|-\d{1,3})$/.test(value)) return Number(value);
  throw new PodmanBootcError(
    'usage',
    'BOOT_INVALID',
    `Expected --boot to be 0, -1, -2 and so on or failed, got ${JSON.stringify(value)}`,
    { remedy: '0 is the boot that runs or ran last, -1 the one before it' },
  );
}

/**
 * Checks the value of `--format`: one of the words, or a template.
 * @throws PodmanBootcError `FORMAT_INVALID`
 */
export function parseFormat(words: readonly string[]): (value: string) => string {
  return (value) => {
    if (words.includes(value) || value.includes('{{')) return value;
    throw new PodmanBootcError(
      'usage',
      'FORMAT_INVALID',
      `Expected --format to be ${words.join(', ')} or a template, got ${JSON.stringify(value)}`,
      { remedy: "A template is for example '{{.Name}} {{.State}}'" },
    );
  };
}
