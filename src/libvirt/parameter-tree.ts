import type { TypedParameters, TypedValue } from './addon/domain.js';

/**
 * libvirt's flat fields (`block.0.rd.bytes`) as the tree they stand for. Reading is by type: a field that is
 * absent, or of another type than documented, reads as undefined.
 */
export class ParameterTree {
  readonly #parameters: TypedParameters;
  readonly #prefix: string;

  constructor(parameters: TypedParameters, prefix = '') {
    this.#parameters = parameters;
    this.#prefix = prefix;
  }

  /** Below `path`. */
  at(path: string): ParameterTree {
    return new ParameterTree(this.#parameters, `${this.#prefix}${path}.`);
  }

  /** The children of `path` that are numbered, in order; some numbers may be missing. */
  list(path: string): [index: number, child: ParameterTree][] {
    const prefix = `${this.#prefix}${path}.`;
    const indexes = new Set<number>();
    for (const field of Object.keys(this.#parameters)) {
      const index = field.startsWith(prefix) ? /^(\d+)\./.exec(field.slice(prefix.length))?.[1] : undefined;
      if (index !== undefined) indexes.add(Number(index));
    }
    return [...indexes]
      .sort((one, other) => one - other)
      .map((index) => [index, this.at(`${path}.${index}`)]);
  }

  /** Whether there is a field below `path`. */
  has(path: string): boolean {
    const prefix = `${this.#prefix}${path}.`;
    return Object.keys(this.#parameters).some((field) => field.startsWith(prefix));
  }

  bigint(field: string): bigint | undefined {
    const value = this.#value(field);
    // Some fields are narrower in some drivers.
    return typeof value === 'number' && Number.isSafeInteger(value)
      ? BigInt(value)
      : typeof value === 'bigint'
        ? value
        : undefined;
  }

  number(field: string): number | undefined {
    const value = this.#value(field);
    return typeof value === 'bigint' ? Number(value) : typeof value === 'number' ? value : undefined;
  }

  string(field: string): string | undefined {
    const value = this.#value(field);
    return typeof value === 'string' ? value : undefined;
  }

  boolean(field: string): boolean | undefined {
    const value = this.#value(field);
    return typeof value === 'boolean' ? value : undefined;
  }

  #value(field: string): TypedValue | undefined {
    const name = this.#prefix + field;
    return Object.hasOwn(this.#parameters, name) ? this.#parameters[name] : undefined;
  }
}
