import { argumentError } from '../arguments.js';

/** libvirt's own numbers of bytes are signed in places. */
const maximum = 2n ** 63n - 1n;

/** A number of bytes as the addon takes it. Numbers must be exact, so that none means another byte. */
export function checkBytes(name: string, value: unknown): bigint {
  if (typeof value === 'bigint' && value >= 0n && value <= maximum) return value;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  throw argumentError(name, 'a non-negative safe integer or bigint, in bytes', value);
}

export function checkOptionalBytes(name: string, value: unknown): bigint | undefined {
  if (value === undefined) return undefined;
  return checkBytes(name, value);
}
