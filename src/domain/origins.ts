import { element, type XmlElement } from './xml.js';

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

/** Origins as an element of our record with that name; none without any. */
export function originsElement(origins: Origins, name: string): XmlElement | undefined {
  return Object.keys(origins).length === 0 ? undefined : element(name, origins);
}

/** Reads such an element. What it does not know, a newer version has written, and is passed over. */
export function originsOf(recorded: XmlElement | undefined): Origins {
  return Object.fromEntries(
    originated.flatMap((what) => {
      const origin = known.find((each) => each === recorded?.attributes[what]);
      return origin === undefined ? [] : [[what, origin]];
    }),
  );
}
