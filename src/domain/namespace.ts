import type { XmlElement } from './xml.js';

/** The namespace of our record in a domain's `<metadata>`. Its last part is the version of the record. */
export const metadataNamespace = 'urn:x-podman-bootc:vm:1';
/** The prefix (and key of `virsh metadata`) we give our namespace. */
export const metadataPrefix = 'podman-bootc';

/** XML namespace of libvirt's QEMU extensions (https://libvirt.org/drvqemu.html#pass-through-of-arbitrary-qemu-commands). */
export const qemuNamespace = 'http://libvirt.org/schemas/domain/qemu/1.0';

/**
 * Whether an element is `localName` in that namespace. Prefixes are only a habit: `virsh metadata --key` chooses its
 * own, and the declaration may stand on the element or on any of its ancestors (given outermost first).
 */
export function isInNamespace(
  element: XmlElement,
  namespace: string,
  localName: string,
  ancestors: readonly XmlElement[] = [],
): boolean {
  const { prefix, local } = splitName(element.name);
  if (local !== localName) return false;
  const declaration = prefix === '' ? 'xmlns' : `xmlns:${prefix}`;
  for (const each of [...ancestors, element].reverse()) {
    const declared = each.attributes[declaration];
    if (declared !== undefined) return declared === namespace;
  }
  return false;
}

/** `qemu:arg` as `{ prefix: 'qemu', local: 'arg' }`. */
export function splitName(name: string): { prefix: string; local: string } {
  const colon = name.indexOf(':');
  return { prefix: name.slice(0, Math.max(colon, 0)), local: name.slice(colon + 1) };
}
