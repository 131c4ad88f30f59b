import type { DomainSpecification } from './specification.js';
import { element, type XmlElement } from './xml.js';

/**
 * `<features>`. ACPI carries the power button that a clean shutdown presses. The interrupt controller of aarch64 is left
 * to libvirt, which gives machine type "virt" the GIC that suits the accelerator (version 2 under TCG).
 */
export function featuresElement(spec: Pick<DomainSpecification, 'arch'>): XmlElement {
  return element('features', {}, element('acpi'), spec.arch === 'x86_64' ? element('apic') : undefined);
}
