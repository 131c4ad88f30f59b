import { inspect } from 'node:util';

/** What every call that may block takes. */
export interface CallOptions {
  /**
   * Rejects the call with the signal's reason. libvirt can't cancel what it has begun: the call goes on
   * unattended, no longer keeps the process alive, and its result is thrown away. A call that still waits for
   * others is not made.
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
  const flaw = flawOf(value);
  if (flaw) throw argumentError(name, `a string without ${flaw}`, value);
}

/** What keeps a string from being passed on as it is. */
export function flawOf(text: string): string | undefined {
  // C would see the part before it only.
  if (text.includes('\0')) return 'NUL characters';
  // UTF-8 has none, and another character would stand in their place: another name, another path.
  if (/\p{Surrogate}/u.test(text)) return 'lone surrogates';
  return undefined;
}

export function checkOptionalString(name: string, value: unknown): asserts value is string | undefined {
  if (value !== undefined) checkString(name, value, 'a string or undefined');
}

export function checkOptionalBoolean(name: string, value: unknown): asserts value is boolean | undefined {
  if (value !== undefined && typeof value !== 'boolean')
    throw argumentError(name, 'a boolean or undefined', value);
}

export function checkBoolean(name: string, value: unknown): asserts value is boolean {
  if (typeof value !== 'boolean') throw argumentError(name, 'a boolean', value);
}

/** An integer from `minimum` (0) to `maximum` (the largest safe one). */
export function checkInteger(
  name: string,
  value: unknown,
  expected: string,
  { minimum = 0, maximum = Number.MAX_SAFE_INTEGER }: { minimum?: number; maximum?: number } = {},
): asserts value is number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < minimum || value > maximum)
    throw argumentError(name, expected, value);
}

/** A quantity as C takes it: a safe integer, or a bigint from `minimum` (0) to `maximum` (the largest safe integer). */
export function checkSize(
  name: string,
  value: unknown,
  expected: string,
  { minimum = 0n, maximum = BigInt(Number.MAX_SAFE_INTEGER) }: { minimum?: bigint; maximum?: bigint } = {},
): bigint {
  const size = typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof size !== 'bigint' || size < minimum || size > maximum)
    throw argumentError(name, expected, value);
  return size;
}

/** A number of bytes. libvirt's own are signed in places. */
export function checkBytes(name: string, value: unknown): bigint {
  const expected = 'a non-negative safe integer or bigint, in bytes';
  return checkSize(name, value, expected, { maximum: 2n ** 63n - 1n });
}

/** What one of several names stands for. */
export function oneOf<Name extends string, Value>(
  name: string,
  value: unknown,
  table: Readonly<Record<Name, Value>>,
): Value {
  if (typeof value === 'string' && Object.hasOwn(table, value)) return table[value as Name];
  throw argumentError(name, `one of ${Object.keys(table).join(', ')}`, value);
}

/** The sum of the flags that a list of names stands for; 0 without a list. */
export function flagSet(name: string, list: unknown, flags: Readonly<Record<string, number>>): number {
  if (list === undefined) return 0;
  if (!Array.isArray(list) || list.length === 0)
    throw argumentError(name, 'an array of names that is not empty, or undefined', list);
  return list.reduce<number>((sum, each: unknown, index) => sum | oneOf(`${name}[${index}]`, each, flags), 0);
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

/** The sum of the flags whose option is true; checks the options as well. */
export function flagsOf<Name extends string>(
  options: Readonly<Partial<Record<NoInfer<Name>, boolean | undefined>>>,
  flags: Readonly<Record<Name, number>>,
): number {
  checkOptions(options);
  let sum = 0;
  for (const name in flags) {
    const value: unknown = options[name];
    checkOptionalBoolean(name, value);
    if (value) sum |= flags[name];
  }
  return sum;
}
