import type { DomainSpecification } from '../specification.js';
import { element, type XmlElement } from '../xml.js';

/** The channel of the QEMU guest agent; a guest without an agent ignores it. By default libvirt chooses the socket. */
export function guestAgentElement(agent: DomainSpecification['guestAgent']): XmlElement | undefined {
  if (agent === 'none') return undefined;
  return element(
    'channel',
    { type: 'unix' },
    agent && element('source', { mode: 'bind', path: agent.socket }),
    element('target', { type: 'virtio', name: 'org.qemu.guest_agent.0' }),
  );
}
