import { metadataNamespace, metadataPrefix } from '../domain/metadata.js';
import { buildXml, parseXml, type XmlElement } from '../domain/xml.js';
import type { VirtualMachine } from './virtual-machine.js';

/**
 * Changes our record of a VM by libvirt's call for just that, so that whatever else somebody has changed in its domain stays.
 * @param which the record in the definition, or that of the VM that runs
 * @param change works on the record's element
 * @returns whether there was a record
 */
export async function editRecord(
  { domain }: Pick<VirtualMachine, 'domain'>,
  which: { live: true } | { config: true },
  change: (record: XmlElement) => void,
): Promise<boolean> {
  const xml = await domain.getMetadata(metadataNamespace, which);
  if (xml === null) return false;
  const record = parseXml(xml);
  change(record);
  await domain.setMetadata(buildXml(record), { key: metadataPrefix, uri: metadataNamespace, ...which });
  return true;
}
