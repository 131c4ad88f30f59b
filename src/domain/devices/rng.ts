import { element, type XmlElement } from '../xml.js';

/** Entropy for the first boot, which makes SSH host keys. /dev/urandom never blocks, and macOS has it too. */
export function rngElement(): XmlElement {
  return element('rng', { model: 'virtio' }, element('backend', { model: 'random' }, '/dev/urandom'));
}
