import { PodmanBootcError } from '../errors.js';

const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/**
 * Reads a time: ISO 8601, or how long ago (`90s`, `1h30m`).
 * @throws PodmanBootcError `TIME_INVALID`
 */
export function parseTime(option: string): (value: string) => Date {
  return (value) => {
    const ago = parseSpan(value);
    const time = ago === undefined && /^\d{4}-/.test(value) ? Date.parse(value) : Date.now() - (ago ?? NaN);
    if (Number.isFinite(time)) return new Date(time);
    throw new PodmanBootcError(
      'usage',
      'TIME_INVALID',
      `Expected ${option} to be a time or how long ago, got ${JSON.stringify(value)}`,
      { remedy: `For example ${option} 10m or ${option} 2026-01-31T12:00:00` },
    );
  };
}

function parseSpan(value: string): number | undefined {
  if (!/^(?:\d{1,9}(?:ms|[smhd]))+$/.test(value)) return undefined;
  let sum = 0;
  for (const [, count, unit] of value.matchAll(/(\d+)(ms|[smhd])/g))
    sum += Number(count) * units[unit as keyof typeof units];
  return sum;
}
