import { PodmanBootcError } from './errors.js';

export const KiB = 1024;
export const MiB = 1024 * KiB;
export const GiB = 1024 * MiB;
const TiB = 1024 * GiB;
const units: Readonly<Record<string, number>> = { '': 1, K: KiB, M: MiB, G: GiB, T: TiB };

/**
 * Reads a size as podman-bootc's options take it: a whole number of bytes, or one with the suffix K, M, G or
 * T (powers of 1024; `G`, `g` and `GiB` are the same).
 * @param option its name as the user typed it, for the message
 * @returns bytes
 * @throws PodmanBootcError `SIZE_INVALID`
 */
export function parseSize(option: string, value: string): number {
  const match = /^(\d+)([KMGT]?)(?:iB)?$/i.exec(value);
  const bytes = match ? Number(match[1]) * (units[match[2]?.toUpperCase() ?? ''] ?? NaN) : NaN;
  if (!match || !Number.isSafeInteger(bytes) || bytes === 0) {
    throw new PodmanBootcError(
      'usage',
      'SIZE_INVALID',
      `Expected ${option} to be a positive size such as 20G, 512M or a number of bytes, got '${value}'`,
      { remedy: `Write it as a whole number with the suffix M, G or T, for example ${option} 20G` },
    );
  }
  return bytes;
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
