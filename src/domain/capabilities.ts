import { PodmanBootcError } from '../errors.js';
import { child, children, elements, find, parseXml, text, type XmlElement } from './xml.js';

/** What one emulator can do for one machine type, as libvirt's `virConnectGetDomainCapabilities` says. */
export interface DomainCapabilities {
  /** Path of the QEMU binary. */
  emulator: string;
  arch: string;
  /** Canonical machine type, for example `pc-q35-7.2`. */
  machine: string;
  /** `qemu`, `kvm` or `hvf`. */
  virtType: string;
  /**
   * What `<os firmware=…>` can choose by itself, and `bios` on x86_64, where it is QEMU's own default. libvirt lists
   * only firmware with a descriptor file, so SeaBIOS is often missing from its list.
   */
  firmwares: ('efi' | 'bios')[];
  tpmModels: string[];
  /** `emulator` means that QEMU can use swtpm, not that swtpm is installed. */
  tpmBackends: string[];
  /**
   * Whether passt is known as a back end of `<interface type='user'>`. libvirt lists it also when the passt program is
   * missing (11.3), and doesn't list it when it was compiled out (9.0 of Debian 12).
   */
  passt: boolean;
  /** Supported CPU modes: of `host-passthrough`, `maximum`, `host-model`, `custom`. */
  cpuModes: string[];
  /** For example `virtiofs`. libvirt 9.0 lists it for sessions too, where it then refuses it at define. */
  filesystemDrivers: string[];
  diskBuses: string[];
  maxVcpus: number | undefined;
}

/** The host's architecture and the guests it can run, of `virConnectGetCapabilities`. */
export interface HostCapabilities {
  arch: string;
  guests: HostGuest[];
  /** The uid that libvirt runs QEMU as; undefined where that is its own, as for a user's session daemon. */
  qemuUser: number | undefined;
  /** The gid, likewise. */
  qemuGroup: number | undefined;
}

/** A guest architecture the host can run. */
export interface HostGuest {
  arch: string;
  /** Path of the QEMU binary. */
  emulator: string;
  /** Of `qemu`, `kvm`, `hvf`. */
  domainTypes: string[];
  /** Canonical names and aliases, for example `pc-q35-7.2` and `q35`. */
  machines: string[];
}

/**
 * Reads domain capabilities; tried on libvirt 9.0 and 11.3. Whatever a generation of libvirt doesn't mention is absent.
 *
 * @throws PodmanBootcError `XML_INVALID` or `CAPABILITIES_INVALID`
 */
export function parseDomainCapabilities(xml: string): DomainCapabilities {
  const root = parseRoot(xml, 'domainCapabilities');
  const arch = required(root, 'arch');
  const devices = child(root, 'devices');
  const maximum = Number(child(root, 'vcpu')?.attributes.max);
  return {
    emulator: required(root, 'path'),
    arch,
    machine: required(root, 'machine'),
    virtType: required(root, 'domain'),
    firmwares: firmwares(enumeration(child(root, 'os'), 'firmware'), arch),
    tpmModels: enumeration(child(devices, 'tpm'), 'model'),
    tpmBackends: enumeration(child(devices, 'tpm'), 'backendModel'),
    passt: enumeration(child(devices, 'interface'), 'backendType').includes('passt'),
    cpuModes: children(child(root, 'cpu'), 'mode').filter(isSupported).map(nameOf),
    filesystemDrivers: enumeration(child(devices, 'filesystem'), 'driverType'),
    diskBuses: enumeration(child(devices, 'disk'), 'bus'),
    maxVcpus: Number.isInteger(maximum) && maximum > 0 ? maximum : undefined,
  };
}

/**
 * Reads the host's capabilities.
 *
 * @throws PodmanBootcError `XML_INVALID` or `CAPABILITIES_INVALID`
 */
export function parseHostCapabilities(xml: string): HostCapabilities {
  const root = parseRoot(xml, 'capabilities');
  const guests = children(root, 'guest').map((guest): HostGuest => {
    const arch = child(guest, 'arch');
    const domains = children(arch, 'domain');
    // A <domain> may name an emulator and machines of its own instead of those of the architecture.
    const sources = [arch, ...domains];
    return {
      arch: arch === undefined ? '' : nameOf(arch),
      emulator: sources.map((each) => text(child(each, 'emulator'))).find((each) => each !== undefined) ?? '',
      domainTypes: domains.map((each) => each.attributes.type ?? ''),
      machines: [
        ...new Set(
          sources.flatMap((each) => children(each, 'machine').map((machine) => text(machine) ?? '')),
        ),
      ],
    };
  });
  return { arch: required(find(root, 'host', 'cpu'), 'arch'), guests, ...qemuAccount(root) };
}

/** The `dac` security model labels with `+UID:+GID` (libvirt, src/security/security_dac.c). */
function qemuAccount(root: XmlElement): Pick<HostCapabilities, 'qemuUser' | 'qemuGroup'> {
  const model = children(child(root, 'host'), 'secmodel').find(
    (each) => text(child(each, 'model')) === 'dac',
  );
  const [, uid, gid] = /^\+(\d+):(?:\+(\d+))?/.exec(text(child(model, 'baselabel')) ?? '') ?? [];
  return {
    qemuUser: uid === undefined ? undefined : Number(uid),
    qemuGroup: gid === undefined ? undefined : Number(gid),
  };
}

function parseRoot(xml: string, name: string): XmlElement {
  const root = parseXml(xml);
  if (root.name !== name) throw invalid(`Expected <${name}> from libvirt, got <${root.name}>`);
  return root;
}

function required(parent: XmlElement | undefined, name: string): string {
  const value = text(child(parent, name));
  if (value === undefined) throw invalid(`The capabilities that libvirt reported have no <${name}>`);
  return value;
}

function invalid(message: string): PodmanBootcError {
  return new PodmanBootcError('failure', 'CAPABILITIES_INVALID', message);
}

function isSupported(feature: XmlElement): boolean {
  return feature.attributes.supported !== 'no';
}

function nameOf(named: XmlElement): string {
  return named.attributes.name ?? '';
}

/** The values of `<enum name=…>`; none when the feature itself is absent or not supported. */
function enumeration(feature: XmlElement | undefined, name: string): string[] {
  if (feature === undefined || !isSupported(feature)) return [];
  const list = children(feature, 'enum').find((each) => nameOf(each) === name);
  return elements(list).flatMap((value) => text(value) ?? []);
}

function firmwares(listed: string[], arch: string): ('efi' | 'bios')[] {
  const known = (['efi', 'bios'] as const).filter((each) => listed.includes(each));
  return arch === 'x86_64' && !known.includes('bios') ? [...known, 'bios'] : known;
}
