import { element, type XmlElement } from '../xml.js';

/** The channel of the QEMU guest agent. libvirt chooses the socket; a guest without an agent ignores it. */
export function guestAgentElement(): XmlElement {
  return element(
    'channel',
    { type: 'unix' },
    element('target', { type: 'virtio', name: 'org.qemu.guest_agent.0' }),
  );
}
