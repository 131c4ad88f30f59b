import { PodmanBootcError } from '../errors.js';
import { formatSize, MiB } from '../sizes.js';

const minimumMemory = 128 * MiB;

/**
 * Checks a count: a whole number from 1 on.
 * @param what what it was given with, for the message
 * @throws PodmanBootcError `COUNT_INVALID`
 */
export function checkCount(what: string, count: number): void {
  if (Number.isInteger(count) && count >= 1 && count < 1_000_000) return;
  throw new PodmanBootcError(
    'usage',
    'COUNT_INVALID',
    `Expected ${what} to be a whole number from 1 on, got ${count}`,
    { remedy: `For example ${what} 2` },
  );
}

/** @throws PodmanBootcError `MEMORY_INVALID` */
export function checkMemory(what: string, memory: number): void {
  if (Number.isSafeInteger(memory) && memory >= minimumMemory) return;
  throw new PodmanBootcError(
    'usage',
    'MEMORY_INVALID',
    `Expected ${what} to be at least ${formatSize(minimumMemory)}, got ${formatSize(memory)}`,
    { remedy: `A number without a suffix is bytes; write for example ${what} 2G` },
  );
}

/** @throws PodmanBootcError `CHOICE_INVALID` */
export function checkChoice(what: string, value: string, choices: readonly string[]): void {
  if (choices.includes(value)) return;
  throw new PodmanBootcError(
    'usage',
    'CHOICE_INVALID',
    `Expected ${what} to be ${choices.slice(0, -1).join(', ')} or ${choices.at(-1) ?? ''}, got ${JSON.stringify(value)}`,
  );
}
