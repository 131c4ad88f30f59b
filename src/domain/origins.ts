import { child, element, type XmlElement } from './xml.js';

/** Where a value came from: who ran the VM, its image, or us. */
export type Origin = 'option' | 'image label' | 'default';

/** What an image may ask for by its labels. */
export const originated = [
  'cpus',
  'memory',
  'diskSize',
  'filesystem',
  'ports',
  'firmware',
  'composefsBackend',
  'bootloader',
  'bootcArgs',
] as const;
export type Originated = (typeof originated)[number];

/** Where each of these values came from when the VM was made. */
export type Origins = Partial<Record<Originated, Origin>>;

const known: readonly Origin[] = ['option', 'image label', 'default'];

/** Origins as an element of our record; none without any. Its name gets the prefix. */
export function originsElement(origins: Origins, prefix: string): XmlElement | undefined {
  return Object.keys(origins).length === 0 ? undefined : element(nameIn(prefix), origins);
}

/** The origins in our record, of which `prefix` is the prefix. What it does not know, a newer version has written. */
export function originsOf(record: XmlElement, prefix: string): Origins {
  const recorded = child(record, nameIn(prefix));
  return Object.fromEntries(
    originated.flatMap((what) => {
      const origin = known.find((each) => each === recorded?.attributes[what]);
      return origin === undefined ? [] : [[what, origin]];
    }),
  );
}

function nameIn(prefix: string): string {
  return prefix === '' ? 'origins' : `${prefix}:origins`;
}
