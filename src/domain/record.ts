import { PodmanBootcError } from '../errors.js';
import { metadataNamespace, splitName } from './namespace.js';
import { child, children, element, type XmlElement } from './xml.js';

/*
 * A record as an XML element. Each property is declared once: the same line says how it is written and read, and what
 * its type is. Elements of a record have the prefix of its root, whichever that is: the namespace is checked on the root.
 */

/** A property of a record, undefined where it is absent. */
export interface Property<T> {
  /** Puts it into the element that it belongs to. */
  write(value: T, into: XmlElement): void;
  /** @throws PodmanBootcError `VM_METADATA_DAMAGED` */
  read(from: XmlElement): T;
}

type Properties = Readonly<Record<string, Property<unknown>>>;
type Value<P extends Property<unknown>> = ReturnType<P['read']>;
type Optional<D extends Properties> = {
  [K in keyof D]: undefined extends Value<D[K]> ? K : never;
}[keyof D];
type Merged<T> = { [K in keyof T]: T[K] };

/** What a declaration of properties declares: those that may be undefined are absent then. */
export type RecordOf<D extends Properties> = Merged<
  { -readonly [K in Exclude<keyof D, Optional<D>>]: Value<D[K]> } & {
    -readonly [K in Optional<D>]?: Exclude<Value<D[K]>, undefined>;
  }
>;

/** Several properties of one element. */
export function record<D extends Properties>(properties: D): Property<RecordOf<D>> {
  return {
    write(value, into) {
      const values: Readonly<Record<string, unknown>> = value;
      for (const [key, property] of Object.entries(properties))
        if (values[key] !== undefined) property.write(values[key], into);
    },
    read(from) {
      const values = Object.entries(properties).map(([key, property]) => [key, property.read(from)] as const);
      return Object.fromEntries(values.filter(([, value]) => value !== undefined)) as RecordOf<D>;
    },
  };
}

/** How the text of an attribute is understood. */
export interface Form<T> {
  /** In words, after "to be". */
  expected: string;
  /** @returns undefined for what makes no sense */
  parse(text: string): T | undefined;
}

export const text: Form<string> = { expected: 'a text', parse: (found) => found };

export const bytes: Form<number> = {
  expected: 'a number of bytes',
  parse: (found) => (/^[0-9]{1,15}$/.test(found) ? Number(found) : undefined),
};

export const port: Form<number> = {
  expected: 'a port from 1 to 65535',
  parse: (found) =>
    /^[0-9]{1,5}$/.test(found) && Number(found) >= 1 && Number(found) <= 65535 ? Number(found) : undefined,
};

export const time: Form<string> = {
  expected: 'a time',
  parse: (found) => (Number.isNaN(Date.parse(found)) ? undefined : found),
};

export function matching(pattern: RegExp, expected: string): Form<string> {
  return { expected, parse: (found) => (pattern.test(found) ? found : undefined) };
}

export function oneOf<T extends string>(...values: readonly T[]): Form<T> {
  return { expected: values.join(' or '), parse: (found) => values.find((each) => each === found) };
}

/** An attribute that is always there. */
export function attribute<T>(name: string, form: Form<T>): Property<T> {
  const maybe = optional(name, form);
  return {
    ...maybe,
    read(from) {
      const value = from.attributes[name] === '' ? undefined : maybe.read(from);
      if (value === undefined) throw damaged(`"${splitName(from.name).local}" has no "${name}"`);
      return value;
    },
  };
}

/** An attribute that need not be there. */
export function optional<T>(name: string, form: Form<T>): Property<T | undefined> {
  return {
    write(value, into) {
      into.attributes[name] = String(value);
    },
    read({ name: owner, attributes: { [name]: found } }) {
      if (found === undefined) return undefined;
      const value = form.parse(found);
      if (value !== undefined) return value;
      throw damaged(
        `expected "${name}" of "${splitName(owner).local}" to be ${form.expected}, got ${JSON.stringify(found)}`,
      );
    },
  };
}

/** An attribute that has this value, or is not there. */
export function flag(name: string, set: string): Property<boolean | undefined> {
  return {
    write(value, into) {
      if (value === true) into.attributes[name] = set;
    },
    read: (from) => from.attributes[name] === set || undefined,
  };
}

/** One attribute of each element of that name, in their order; absent without any. */
export function list(name: string, key: string): Property<string[] | undefined> {
  return {
    write(values = [], into) {
      into.children.push(...values.map((value) => element(named(into, name), { [key]: value })));
    },
    read(from) {
      const found = children(from, named(from, name)).flatMap(({ attributes }) => attributes[key] ?? []);
      return found.length === 0 ? undefined : found;
    },
  };
}

/** What stands in an element within, which is always there. */
export function part<T>(name: string, property: Property<T>): Property<T> {
  const maybe = optionalPart(name, property);
  return {
    ...maybe,
    read(from) {
      const value = maybe.read(from);
      if (value === undefined) throw damaged(`it has no "${name}" element`);
      return value;
    },
  };
}

/** What stands in an element within, which need not be there. */
export function optionalPart<T>(name: string, property: Property<T>): Property<T | undefined> {
  return {
    write(value, into) {
      const within = element(named(into, name));
      if (value !== undefined) property.write(value, within);
      into.children.push(within);
    },
    read(from) {
      const within = partOf(from, name);
      return within && property.read(within);
    },
  };
}

/** What has an element with functions of its own; absent where it has nothing in it. */
export function own<T extends object>(
  write: (value: T, prefix: string) => XmlElement | undefined,
  read: (from: XmlElement, prefix: string) => T,
): Property<T | undefined> {
  return {
    write(value, into) {
      const made = value && write(value, splitName(into.name).prefix);
      if (made) into.children.push(made);
    },
    read(from) {
      const value = read(from, splitName(from.name).prefix);
      return Object.keys(value).length === 0 ? undefined : value;
    },
  };
}

/** An element of a record. */
export function partOf(owner: XmlElement, name: string): XmlElement | undefined {
  return child(owner, named(owner, name));
}

function named(owner: XmlElement, name: string): string {
  const { prefix } = splitName(owner.name);
  return prefix === '' ? name : `${prefix}:${name}`;
}

export function damaged(what: string): PodmanBootcError {
  return new PodmanBootcError(
    'failure',
    'VM_METADATA_DAMAGED',
    `The record of the VM in its domain is damaged: ${what}`,
    { remedy: `Look at it with "virsh metadata DOMAIN ${metadataNamespace}"` },
  );
}
