import type { DomainSpecification } from '../specification.js';
import { element, type XmlElement } from '../xml.js';

/**
 * The VM's disk. Formats are explicit, for libvirt doesn't probe them (a raw disk could claim to be a qcow2 with any
 * host file behind it). `discard` gives space that the guest frees back to the host.
 */
export function diskElement(disk: DomainSpecification['disk']): XmlElement {
  return element(
    'disk',
    { type: 'file', device: 'disk' },
    element('driver', { name: 'qemu', type: disk.format, discard: 'unmap' }),
    element('source', { file: disk.path }),
    disk.backing && backingElement(disk.backing),
    element('target', { dev: 'vda', bus: 'virtio' }),
  );
}

function backingElement(backing: { path: string; format: string }): XmlElement {
  return element(
    'backingStore',
    { type: 'file' },
    element('format', { type: backing.format }),
    element('source', { file: backing.path }),
  );
}
