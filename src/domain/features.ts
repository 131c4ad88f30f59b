import type { DomainSpecification } from './specification.js';
import { element, type XmlElement } from './xml.js';

/**
 * MiB of translated code that QEMU keeps of an emulated guest. By default it keeps 1 GiB (QEMU 5.0), which a boot does not
 * fill: after a reboot all of the boot before is still there, and each store to memory that it lies in takes QEMU a walk
 * through its tables. The kernel, which unpacks itself to just there, then took three times its time (seen with QEMU 7.2 and a
 * profiler: page_collection_lock). A cache that a boot fills is emptied as a whole meanwhile. libvirt has the
 * element since 8.0.
 */
const translationCache = 64;

/**
 * `<features>`. ACPI carries the power button that a clean shutdown presses. The interrupt controller of aarch64 is left
 * to libvirt, which gives machine type "virt" the GIC that suits the accelerator (version 2 under TCG).
 */
export function featuresElement(spec: Pick<DomainSpecification, 'arch' | 'domainType'>): XmlElement {
  return element(
    'features',
    {},
    element('acpi'),
    spec.arch === 'x86_64' ? element('apic') : undefined,
    spec.domainType === 'qemu'
      ? element('tcg', {}, element('tb-cache', { unit: 'MiB' }, String(translationCache)))
      : undefined,
  );
}
