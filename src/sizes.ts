import { PodmanBootcError } from './errors.js';

export const KiB = 1024;
export const MiB = 1024 * KiB;
export const GiB = 1024 * MiB;
const TiB = 1024 * GiB;
const units: Readonly<Record<string, number>> = { '': 1, K: KiB, M: MiB, G: GiB, T: TiB };

/**
 * Reads a size as it is written on command lines and in labels: a whole number of bytes, or one with the suffix K, M, G or
 * T (powers of 1024; `G`, `g` and `GiB` are the same).
 * @param what what it was given with, for the message
 * @returns bytes
 * @throws PodmanBootcError `SIZE_INVALID`
 */
export function parseSize(word: string, what: string): number {
  const match = /^(\d+)([KMGT]?)(?:iB)?$/i.exec(word);
  const bytes = match ? Number(match[1]) * (units[match[2]?.toUpperCase() ?? ''] ?? NaN) : NaN;
  checkSize(bytes, what, `'${word}'`);
  return bytes;
}

/**
 * Checks a size in bytes: a whole number from 1 on.
 * @param what what it was given with, for the message
 * @param shown how it was written
 * @throws PodmanBootcError `SIZE_INVALID`
 */
export function checkSize(bytes: number, what: string, shown = String(bytes)): void {
  if (Number.isSafeInteger(bytes) && bytes > 0) return;
  throw new PodmanBootcError(
    'usage',
    'SIZE_INVALID',
    `Expected ${what} to be a positive size such as 20G, 512M or a number of bytes, got ${shown}`,
    { remedy: `Write it as a whole number with the suffix M, G or T, for example ${what} 20G` },
  );
}

/** Bytes as people read them, in powers of 1024: `10 GiB`, `1.5 GiB`, `512 MiB`. */
export function formatSize(bytes: number): string {
  for (const [unit, factor] of [
    ['TiB', TiB],
    ['GiB', GiB],
    ['MiB', MiB],
    ['KiB', KiB],
  ] as const) {
    if (bytes >= factor) return `${Number((bytes / factor).toFixed(1))} ${unit}`;
  }
  return `${bytes} B`;
}
