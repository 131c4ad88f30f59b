import type { DomainSpecification } from '../specification.js';
import { element, type XmlElement } from '../xml.js';

/**
 * No USB: libvirt would add a controller to a q35 machine that says nothing (and polling it costs host CPU time); to a
 * "virt" machine it adds none.
 */
export function usbElement(spec: Pick<DomainSpecification, 'arch'>): XmlElement | undefined {
  return spec.arch === 'x86_64' ? element('controller', { type: 'usb', model: 'none' }) : undefined;
}
