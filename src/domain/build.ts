import { cpuElement } from './cpu.js';
import { credentialElements } from './credentials.js';
import { cloudInitElement } from './devices/cloud-init.js';
import { guestAgentElement } from './devices/channel.js';
import { diskElement } from './devices/disk.js';
import { filesystemElement } from './devices/filesystem.js';
import {
  forwardAddress,
  guestSshPort,
  passtElement,
  qemuDeclaration,
  slirpElement,
  type HostForward,
} from './devices/network.js';
import { rngElement } from './devices/rng.js';
import { serialElements } from './devices/serial.js';
import { tpmElement } from './devices/tpm.js';
import { usbElement } from './devices/usb.js';
import { featuresElement } from './features.js';
import { memoryBackingElement, memoryElement } from './memory.js';
import { metadataElement } from './metadata.js';
import { osElement } from './os.js';
import { checkSpecification, type DomainSpecification } from './specification.js';
import { buildXml, element, type XmlElement } from './xml.js';

export { chooseNetwork } from './devices/network.js';
export { chooseTpm } from './devices/tpm.js';
export { chooseFirmware, machineFor } from './os.js';
export type { DomainSpecification } from './specification.js';

/**
 * Builds the domain XML of a VM. Define it with VIR_DOMAIN_DEFINE_VALIDATE.
 *
 * @throws PodmanBootcError `DOMAIN_SPECIFICATION` or `CREDENTIALS_TOO_LARGE` (usage) for input that can't make a domain
 */
export function buildDomain(spec: DomainSpecification): string {
  checkSpecification(spec);
  return buildXml(domainElement(spec));
}

// In the order in which libvirt dumps a domain, so that a diff against `virsh dumpxml` shows what matters.
function domainElement(spec: DomainSpecification): XmlElement {
  const slirp = spec.network === 'slirp';
  return element(
    'domain',
    { type: spec.domainType, ...(slirp && qemuDeclaration) },
    element('name', {}, spec.name),
    element('uuid', {}, spec.uuid),
    optional('title', spec.title),
    optional('description', spec.description),
    element('metadata', {}, metadataElement(spec.metadata)),
    memoryElement(spec.memory),
    memoryBackingElement(spec),
    element('vcpu', {}, String(spec.cpus)),
    ...credentialElements(spec),
    osElement(spec),
    featuresElement(spec),
    cpuElement(spec),
    element('clock', { offset: 'utc' }),
    element('on_poweroff', {}, 'destroy'),
    element('on_reboot', {}, 'restart'),
    element('on_crash', {}, 'destroy'),
    devicesElement(spec),
    slirp ? slirpElement({ forwards: forwards(spec) }) : undefined,
  );
}

function devicesElement(spec: DomainSpecification): XmlElement {
  return element(
    'devices',
    {},
    optional('emulator', spec.emulator),
    diskElement(spec.disk),
    spec.cloudInitIso === undefined ? undefined : cloudInitElement(spec.cloudInitIso),
    ...(spec.volumes ?? []).map(filesystemElement),
    usbElement(spec),
    spec.network === 'passt' ? passtElement(forwards(spec)) : undefined,
    ...serialElements(spec.consoleLog),
    guestAgentElement(spec.guestAgent),
    spec.tpm ? tpmElement(spec.capabilities) : undefined,
    rngElement(),
  );
}

// SSH first: of several forwards to port 22 the first is taken for it when the record does not help.
function forwards({ sshPort, metadata }: DomainSpecification): HostForward[] {
  const published = (metadata.ports ?? []).map(({ hostPort, ...port }): HostForward => ({
    ...port,
    port: hostPort,
  }));
  return [{ protocol: 'tcp', address: forwardAddress, port: sshPort, guestPort: guestSshPort }, ...published];
}

function optional(name: string, value: string | undefined): XmlElement | undefined {
  return value === undefined ? undefined : element(name, {}, value);
}
