import { inspect } from 'node:util';

/** What every call that may block takes. */
export interface CallOptions {
  /**
   * Rejects the call with the signal's reason. libvirt can't cancel what it has begun: the call goes on
   * unattended, no longer keeps the process alive, and its result is thrown away.
   */
  signal?: AbortSignal | undefined;
}

/** "Expected `uri` to be a string or undefined, got 5" */
export function argumentError(name: string, expected: string, value: unknown): TypeError {
  const shown = inspect(value, { depth: 0, breakLength: Infinity, maxStringLength: 60 });
  return new TypeError(`Expected \`${name}\` to be ${expected}, got ${shown}`);
}

export function checkString(name: string, value: unknown, expected = 'a string'): asserts value is string {
  if (typeof value !== 'string') throw argumentError(name, expected, value);
  // C would see the part before it only.
  if (value.includes('\0')) throw argumentError(name, 'a string without NUL characters', value);
}

export function checkOptionalString(name: string, value: unknown): asserts value is string | undefined {
  if (value !== undefined) checkString(name, value, 'a string or undefined');
}

export function checkOptionalBoolean(name: string, value: unknown): asserts value is boolean | undefined {
  if (value !== undefined && typeof value !== 'boolean')
    throw argumentError(name, 'a boolean or undefined', value);
}

export function checkFunction(name: string, value: unknown): void {
  if (typeof value !== 'function') throw argumentError(name, 'a function', value);
}

/** Options and the signal among them. */
export function checkOptions(options: unknown): void {
  if (typeof options !== 'object' || options === null) throw argumentError('options', 'an object', options);
  const { signal } = options as { signal?: unknown };
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw argumentError('signal', 'an AbortSignal or undefined', signal);
}

/** The sum of the flags whose option is true. */
export function flagsOf<Name extends string>(
  options: Readonly<Partial<Record<NoInfer<Name>, boolean | undefined>>>,
  flags: Readonly<Record<Name, number>>,
): number {
  let sum = 0;
  for (const name in flags) {
    const value: unknown = options[name];
    checkOptionalBoolean(name, value);
    if (value) sum |= flags[name];
  }
  return sum;
}
