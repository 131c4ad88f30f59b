import { PodmanBootcError } from '../errors.js';
import { element, text, type XmlElement } from './xml.js';

const kibibyte = 1024;

// https://libvirt.org/formatdomain.html#memory-allocation: KB is 1000 bytes, K and KiB are 1024; without a unit, KiB.
const units: ReadonlyMap<string, number> = new Map([
  ['b', 1],
  ['byte', 1],
  ['bytes', 1],
  ...['k', 'm', 'g', 't', 'p'].flatMap((letter, index): [string, number][] => [
    [letter, kibibyte ** (index + 1)],
    [`${letter}ib`, kibibyte ** (index + 1)],
    [`${letter}b`, 1000 ** (index + 1)],
  ]),
]);

/** `<memory>` for a number of bytes, rounded up to whole KiB, the unit libvirt keeps. */
export function memoryElement(bytes: number): XmlElement {
  return element('memory', { unit: 'KiB' }, String(Math.ceil(bytes / kibibyte)));
}

/**
 * Memory that another process may map, as virtiofsd has to. Only from the start of a VM on, so every VM has it: a volume
 * can be added to one that runs. macOS has no memfd.
 */
export function memoryBackingElement({
  domainType,
}: {
  domainType: 'kvm' | 'qemu' | 'hvf';
}): XmlElement | undefined {
  if (domainType === 'hvf') return undefined;
  return element(
    'memoryBacking',
    {},
    element('source', { type: 'memfd' }),
    element('access', { mode: 'shared' }),
  );
}

/**
 * Bytes that a `<memory>` element means.
 *
 * @throws PodmanBootcError `DOMAIN_INVALID`
 */
export function memoryOf(memory: XmlElement | undefined): number {
  const factor = units.get((memory?.attributes.unit ?? 'KiB').toLowerCase());
  const amount = Number(text(memory));
  if (factor === undefined || !Number.isFinite(amount))
    throw new PodmanBootcError('failure', 'DOMAIN_INVALID', 'The domain does not say how much memory it has');
  return amount * factor;
}
