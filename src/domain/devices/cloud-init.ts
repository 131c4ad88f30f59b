import { element, type XmlElement } from '../xml.js';

/**
 * The disk with cloud-init's data: an ISO 9660 image, which cloud-init knows by its label on whatever block device.
 * A virtio disk rather than a CD-ROM drive, because every guest that boots has the driver already, while kernels made
 * for clouds have neither AHCI nor a SCSI CD-ROM.
 */
export function cloudInitElement(path: string): XmlElement {
  return element(
    'disk',
    { type: 'file', device: 'disk' },
    element('driver', { name: 'qemu', type: 'raw' }),
    element('source', { file: path }),
    element('target', { dev: 'vdb', bus: 'virtio' }),
    element('readonly'),
  );
}
