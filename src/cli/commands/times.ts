import { PodmanBootcError } from '../../errors.js';

const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** ISO 8601 as JavaScript knows it: a date, or one with a time, here also with a space between, and with or without a zone. */
const iso8601 =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,9})?)?(?:Z|[+-](\d\d):(\d\d))?)?$/;

/**
 * Reads a time: ISO 8601, or how long ago (`90s`, `1h30m`).
 * @throws PodmanBootcError `TIME_INVALID`
 */
export function parseTime(option: string): (value: string) => Date {
  return (value) => {
    const ago = parseSpan(value);
    const time = ago === undefined ? parseIso(value) : Date.now() - ago;
    // Before that there was no podman, and Date ends at 8.64e15 ms.
    if (time !== undefined && time >= 0) return new Date(time);
    throw new PodmanBootcError(
      'usage',
      'TIME_INVALID',
      `Expected ${option} to be a time since 1970 or how long ago, got ${JSON.stringify(value)}`,
      { remedy: `For example ${option} 10m or ${option} 2026-01-31T12:00:00` },
    );
  };
}

/** @returns milliseconds; undefined for what is no time, and for days and hours that there are not */
function parseIso(value: string): number | undefined {
  const parts = iso8601
    .exec(value)
    ?.slice(1)
    .map((part) => Number((part as string | undefined) ?? 0));
  if (!parts) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, zoneHour = 0, zoneMinute = 0] =
    parts;
  // Date itself makes 2 March of 30 February.
  const date = new Date(Date.UTC(year, month - 1, day));
  const isThere =
    date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  if (!isThere || hour > 23 || minute > 59 || second > 59 || zoneHour > 23 || zoneMinute > 59)
    return undefined;
  return Date.parse(value.replace(' ', 'T'));
}

function parseSpan(value: string): number | undefined {
  if (!/^(?:\d{1,9}(?:ms|[smhd]))+$/.test(value)) return undefined;
  let sum = 0;
  for (const [, count, unit] of value.matchAll(/(\d+)(ms|[smhd])/g))
    sum += Number(count) * units[unit as keyof typeof units];
  return sum;
}
