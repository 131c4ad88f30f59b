import type { BackingDisk, DomainSpecification } from '../specification.js';
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
    belowElement(disk),
    element('target', { dev: 'vda', bus: 'virtio' }),
  );
}

/** A disk that only lasts for an update: raw, read-only, and known in the guest by its serial (20 bytes, virtio specification, 5.2.6.3). */
export function updateDiskElement(disk: { path: string; target: string; serial: string }): XmlElement {
  return element(
    'disk',
    { type: 'file', device: 'disk' },
    element('driver', { name: 'qemu', type: 'raw' }),
    element('source', { file: disk.path }),
    element('target', { dev: disk.target, bus: 'virtio' }),
    element('readonly'),
    element('serial', {}, disk.serial),
  );
}

/** What a disk is an overlay of. libvirt would look for more below a qcow2 image of which nothing is said. */
function belowElement({ format, backing }: DomainSpecification['disk']): XmlElement | undefined {
  if (backing) return backingElement(backing);
  return format === 'qcow2' ? element('backingStore') : undefined;
}

function backingElement(backing: BackingDisk): XmlElement {
  return element(
    'backingStore',
    { type: 'file' },
    element('format', { type: backing.format }),
    element(
      'source',
      { file: backing.path },
      backing.keepsOwner === true ? element('seclabel', { model: 'dac', relabel: 'no' }) : undefined,
    ),
    belowElement(backing),
  );
}
