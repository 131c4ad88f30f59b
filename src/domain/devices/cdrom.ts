import type { DomainSpecification } from '../specification.js';
import { element, type XmlElement } from '../xml.js';

/**
 * A read-only CD-ROM drive and the controller it needs. q35 has a SATA controller built in; machine type "virt" has
 * none, and the kernels of aarch64 images have virtio-scsi rather than AHCI.
 */
export function cdromElements(
  path: string,
  spec: Pick<DomainSpecification, 'arch' | 'capabilities'>,
): XmlElement[] {
  const bus = spec.arch === 'x86_64' ? 'sata' : 'scsi';
  const drive = element(
    'disk',
    { type: 'file', device: 'cdrom' },
    element('driver', { name: 'qemu', type: 'raw' }),
    element('source', { file: path }),
    element('target', { dev: 'sda', bus }),
    element('readonly'),
  );
  return bus === 'scsi'
    ? [drive, element('controller', { type: 'scsi', index: 0, model: 'virtio-scsi' })]
    : [drive];
}
