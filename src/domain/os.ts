import type { DomainCapabilities } from './capabilities.js';
import { needsSmbios } from './credentials.js';
import type { DomainSpecification } from './specification.js';
import { element, type XmlElement } from './xml.js';

/** QEMU's machine type for VMs of an architecture: the ones with PCI Express. */
export function machineFor(arch: DomainSpecification['arch']): 'q35' | 'virt' {
  return arch === 'x86_64' ? 'q35' : 'virt';
}

/**
 * UEFI wherever libvirt can choose one, for images are made for it. `efi` also on an aarch64 host without any firmware
 * descriptor: nothing else boots there, and libvirt's "Unable to find 'efi' firmware" is the right complaint.
 */
export function chooseFirmware(c: DomainCapabilities, arch: DomainSpecification['arch']): 'efi' | 'bios' {
  return arch === 'aarch64' || c.firmwares.includes('efi') ? 'efi' : 'bios';
}

/** `<os>`: firmware, machine, boot order. */
export function osElement(spec: DomainSpecification): XmlElement {
  const efi = spec.firmware === 'efi';
  return element(
    'os',
    { firmware: efi ? 'efi' : undefined },
    element('type', { arch: spec.arch, machine: machineFor(spec.arch) }, 'hvm'),
    efi ? firmwareFeatures(spec.secureBoot === true) : undefined,
    efi && spec.nvram !== undefined ? element('nvram', {}, spec.nvram) : undefined,
    element('boot', { dev: 'hd' }),
    needsSmbios(spec) ? element('smbios', { mode: 'sysinfo' }) : undefined,
  );
}

// Both are said even when off: left alone, libvirt picks the firmware with the highest priority, which on Debian has
// Secure Boot's keys enrolled and answers an unsigned boot loader with "Security Violation".
function firmwareFeatures(secureBoot: boolean): XmlElement {
  const enabled = secureBoot ? 'yes' : 'no';
  return element(
    'firmware',
    {},
    element('feature', { enabled, name: 'secure-boot' }),
    element('feature', { enabled, name: 'enrolled-keys' }),
  );
}
