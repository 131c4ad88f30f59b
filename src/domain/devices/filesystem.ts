import { volumeTag, type Volume } from '../volumes.js';
import { element, type XmlElement } from '../xml.js';

/** A volume and who serves it. */
export interface VolumeDevice {
  volume: Volume;
  /** Socket of a virtiofsd of ours; undefined where libvirt starts one itself. */
  socket?: string | undefined;
}

/**
 * The device of a volume. libvirt refuses a queue and `<readonly>` of a virtiofsd that it does not start itself, or takes no
 * notice of them: then it is virtiofsd that refuses to write.
 */
export function filesystemElement({ volume, socket }: VolumeDevice): XmlElement {
  const target = element('target', { dir: volumeTag(volume) });
  if (socket !== undefined)
    return element(
      'filesystem',
      { type: 'mount' },
      element('driver', { type: 'virtiofs', queue: 1024 }),
      element('source', { socket }),
      target,
    );
  return element(
    'filesystem',
    { type: 'mount', accessmode: 'passthrough' },
    element('driver', { type: 'virtiofs' }),
    element('source', { dir: volume.host }),
    target,
    volume.readOnly ? element('readonly') : undefined,
  );
}
