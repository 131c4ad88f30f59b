import type { DomainCapabilities } from '../capabilities.js';
import { usage, type DomainSpecification } from '../specification.js';
import { element, type XmlElement } from '../xml.js';

// CRB is TPM 2.0's own interface, but QEMU has it only for PCs; tpm-tis exists on both architectures.
const preferredModels: Readonly<Record<DomainSpecification['arch'], readonly string[]>> = {
  x86_64: ['tpm-crb', 'tpm-tis'],
  aarch64: ['tpm-tis'],
};

/**
 * Whether a VM can have an emulated TPM. libvirt lists the emulator back end also where swtpm is missing, so the caller
 * says whether it is there.
 */
export function chooseTpm(c: DomainCapabilities, swtpmInstalled: boolean): boolean {
  return swtpmInstalled && c.tpmBackends.includes('emulator') && modelFor(c) !== undefined;
}

/**
 * An emulated TPM 2.0.
 *
 * @throws PodmanBootcError `DOMAIN_SPECIFICATION` (usage) when the emulator has none
 */
export function tpmElement(c: DomainCapabilities): XmlElement {
  const model = modelFor(c);
  if (model === undefined) throw usage('the TPM', `off, because ${c.emulator} has none`, 'on');
  return element('tpm', { model }, element('backend', { type: 'emulator', version: '2.0' }));
}

function modelFor(c: DomainCapabilities): string | undefined {
  const preferred = preferredModels[c.arch === 'aarch64' ? 'aarch64' : 'x86_64'];
  return preferred.find((each) => c.tpmModels.includes(each));
}
