import type { DomainSpecification } from './specification.js';
import { element, type XmlElement } from './xml.js';

/**
 * `<features>`. ACPI carries the power button that a clean shutdown presses. The interrupt controller of aarch64 is left
 * to libvirt, which gives machine type "virt" the newest GIC that the accelerator has.
 */
export function featuresElement(spec: Pick<DomainSpecification, 'arch'>): XmlElement {
  return element('features', {}, element('acpi'), spec.arch === 'x86_64' ? element('apic') : undefined);
}
