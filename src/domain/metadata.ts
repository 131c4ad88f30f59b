import { PodmanBootcError } from '../errors.js';
import { labelsElement, labelsOf, type Labels } from './labels.js';
import { isInNamespace, splitName } from './namespace.js';
import { originsElement, originsOf, type Origins } from './origins.js';
import { portsElement, portsOf, type PublishedPort } from './ports.js';
import { child, children, element, elements, type XmlElement } from './xml.js';

/** The namespace of our record in a domain's `<metadata>`. Its last part is the version of the record. */
export const metadataNamespace = 'urn:x-podman-bootc:vm:1';
/** The prefix (and key of `virsh metadata`) we give our namespace. */
export const metadataPrefix = 'podman-bootc';

const rootName = 'vm';

/**
 * What we know of a VM beyond its domain. It lives in the domain's own XML, so a VM and its record can't part: there is
 * no second store to be out of date. Secrets have no place in it, for every client of libvirt reads it.
 */
export interface VmMetadata {
  /** Of the domain that it is the record of: others have it from there. Absent in records of old versions. */
  uuid?: string;
  image: {
    /** As the user named it, or resolved to a full reference. */
    reference: string;
    /** Image id: 64 hexadecimal digits. */
    id: string;
    /** Manifest digest (`sha256:…`), if known. */
    digest?: string;
  };
  install: {
    /** Root file system asked for; absent when the image chose. */
    filesystem?: string;
    /** Limit of the root file system in bytes; absent without one. */
    rootSizeMax?: number;
    /** Where it was installed: `local`, or the name of a podman connection. */
    podman: string;
    /** Of the bootc in the image, if it could tell. */
    bootcVersion?: string;
    /** Kernel arguments besides the image's; absent without any. */
    kargs?: string[];
    /** Whether by bootc's composefs backend; absent when by ostree. */
    composefsBackend?: boolean;
    /** Boot loader asked for; absent when that was left to bootc. */
    bootloader?: string;
    /** Further options that bootc got; absent without any. */
    bootcArgs?: string[];
  };
  disk: {
    path: string;
    /** Virtual size in bytes. */
    size: number;
    format: 'raw' | 'qcow2';
    /** Key of the base disk that it was made from. */
    base?: string;
  };
  ssh: {
    /** Port on 127.0.0.1 that is forwarded to port 22 of the guest. */
    port: number;
    user: string;
    /** `handed-over`: we made the host key and gave it to the VM; `first-contact`: the VM's own, learnt once. */
    hostKey: 'handed-over' | 'first-contact';
    /** Fingerprints (`SHA256:…`) of the user's own keys that log in besides ours; absent without any. */
    keys?: string[];
  };
  /** Ports that lead to the guest besides the SSH port; absent without any. */
  ports?: PublishedPort[];
  /** Host name that the guest gets at every boot; absent when that is left to the image. */
  hostname?: string;
  /** Where values came from when the VM was made; absent in records of old versions. */
  origins?: Origins;
  /** Directory whose files went into the cloud-init disk. */
  cloudInit?: { directory: string };
  /** The user's own words on the VM; absent without any. */
  labels?: Labels;
  /** ISO 8601 time. */
  created: string;
}

/** Our record as an element, to put into `<metadata>`. */
export function metadataElement(m: VmMetadata): XmlElement {
  return element(
    prefixed(rootName),
    { [`xmlns:${metadataPrefix}`]: metadataNamespace, uuid: m.uuid, created: m.created },
    element(prefixed('image'), { reference: m.image.reference, id: m.image.id, digest: m.image.digest }),
    element(
      prefixed('install'),
      {
        podman: m.install.podman,
        filesystem: m.install.filesystem,
        rootSizeMax: m.install.rootSizeMax,
        bootcVersion: m.install.bootcVersion,
        backend: m.install.composefsBackend === true ? 'composefs' : undefined,
        bootloader: m.install.bootloader,
      },
      ...(m.install.kargs ?? []).map((value) => element(prefixed('karg'), { value })),
      ...(m.install.bootcArgs ?? []).map((value) => element(prefixed('bootcArg'), { value })),
    ),
    element(prefixed('disk'), {
      path: m.disk.path,
      size: m.disk.size,
      format: m.disk.format,
      base: m.disk.base,
    }),
    element(
      prefixed('ssh'),
      { port: m.ssh.port, user: m.ssh.user, hostKey: m.ssh.hostKey },
      ...(m.ssh.keys ?? []).map((fingerprint) => element(prefixed('key'), { fingerprint })),
    ),
    portsElement(m.ports ?? [], metadataPrefix),
    m.hostname === undefined ? undefined : element(prefixed('guest'), { hostname: m.hostname }),
    originsElement(m.origins ?? {}, prefixed('origins')),
    m.cloudInit && element(prefixed('cloudInit'), { directory: m.cloudInit.directory }),
    labelsElement(m.labels ?? {}, metadataPrefix),
  );
}

/**
 * Reads our record. Attributes and elements it doesn't know are passed over: a newer version may have written them.
 *
 * @throws PodmanBootcError `VM_METADATA_DAMAGED`: a required part is missing or makes no sense.
 */
export function parseMetadata(el: XmlElement): VmMetadata {
  const image = new Part(el, 'image');
  const install = new Part(el, 'install');
  const disk = new Part(el, 'disk');
  const ssh = new Part(el, 'ssh');
  const digest = image.optional('digest');
  const filesystem = install.optional('filesystem');
  const rootSizeMax =
    install.optional('rootSizeMax') === undefined ? undefined : install.bytes('rootSizeMax');
  const bootcVersion = install.optional('bootcVersion');
  const base = disk.optional('base');
  const cloudInit = partElement(el, 'cloudInit') && new Part(el, 'cloudInit');
  const kargs = valuesOf(el, 'install', 'karg', 'value');
  const isComposefs = install.optional('backend') === 'composefs';
  const bootloader = install.optional('bootloader');
  const bootcArgs = valuesOf(el, 'install', 'bootcArg', 'value');
  const keys = valuesOf(el, 'ssh', 'key', 'fingerprint');
  const ports = portsOf(el, splitName(el.name).prefix);
  const hostname = partElement(el, 'guest')?.attributes.hostname;
  const origins = originsOf(partElement(el, 'origins'));
  const labels = labelsOf(el, splitName(el.name).prefix);
  const { uuid } = el.attributes;
  return {
    ...(uuid !== undefined && { uuid }),
    image: {
      reference: image.string('reference'),
      id: image.matching('id', /^[0-9a-f]{64}$/, '64 hexadecimal digits'),
      ...(digest !== undefined && { digest }),
    },
    install: {
      podman: install.string('podman'),
      ...(filesystem !== undefined && { filesystem }),
      ...(rootSizeMax !== undefined && { rootSizeMax }),
      ...(bootcVersion !== undefined && { bootcVersion }),
      ...(kargs.length > 0 && { kargs }),
      ...(isComposefs && { composefsBackend: true }),
      ...(bootloader !== undefined && { bootloader }),
      ...(bootcArgs.length > 0 && { bootcArgs }),
    },
    disk: {
      path: disk.string('path'),
      size: disk.bytes('size'),
      format: disk.oneOf('format', ['raw', 'qcow2']),
      ...(base !== undefined && { base }),
    },
    ssh: {
      port: ssh.port('port'),
      user: ssh.string('user'),
      hostKey: ssh.oneOf('hostKey', ['handed-over', 'first-contact']),
      ...(keys.length > 0 && { keys }),
    },
    ...(ports.length > 0 && { ports }),
    ...(hostname !== undefined && { hostname }),
    ...(Object.keys(origins).length > 0 && { origins }),
    ...(cloudInit && { cloudInit: { directory: cloudInit.string('directory') } }),
    ...(Object.keys(labels).length > 0 && { labels }),
    created: new Part(el).time('created'),
  };
}

/**
 * Our record in a domain; `undefined` when the domain isn't one of ours.
 *
 * @throws PodmanBootcError `VM_METADATA_DAMAGED`
 */
export function metadataOfDomain(domain: XmlElement): VmMetadata | undefined {
  const found = metadataElementOf(domain);
  return found && parseMetadata(found);
}

/** Our element in a domain, as it is. */
export function metadataElementOf(domain: XmlElement): XmlElement | undefined {
  const metadata = child(domain, 'metadata');
  return (
    metadata &&
    elements(metadata).find((each) => isInNamespace(each, metadataNamespace, rootName, [domain, metadata]))
  );
}

/** Changes the SSH port in our element, in place; everything else in it stays, known or not. */
export function setMetadataPort(el: XmlElement, port: number): void {
  const ssh = partElement(el, 'ssh');
  if (ssh === undefined) throw damaged('it has no "ssh" element');
  ssh.attributes.port = String(port);
}

function prefixed(name: string): string {
  return `${metadataPrefix}:${name}`;
}

// A part has its root's prefix, whichever that is: the namespace was checked on the root.
function partElement(root: XmlElement, name: string): XmlElement | undefined {
  const { prefix } = splitName(root.name);
  return child(root, prefix === '' ? name : `${prefix}:${name}`);
}

/** One attribute of each element of that name within a part. */
function valuesOf(root: XmlElement, part: string, name: string, attribute: string): string[] {
  const { prefix } = splitName(root.name);
  return children(partElement(root, part), prefix === '' ? name : `${prefix}:${name}`).flatMap(
    ({ attributes }) => attributes[attribute] ?? [],
  );
}

function damaged(what: string): PodmanBootcError {
  return new PodmanBootcError(
    'failure',
    'VM_METADATA_DAMAGED',
    `The record of the VM in its domain is damaged: ${what}`,
    {
      remedy: `Look at it with "virsh metadata DOMAIN ${metadataNamespace}"`,
    },
  );
}

/** One element of the record, read attribute by attribute. */
class Part {
  readonly #attributes: Record<string, string>;
  readonly #name: string;

  constructor(root: XmlElement, name?: string) {
    const found = name === undefined ? root : partElement(root, name);
    this.#name = name ?? rootName;
    if (found === undefined) throw damaged(`it has no "${this.#name}" element`);
    this.#attributes = found.attributes;
  }

  optional(name: string): string | undefined {
    return this.#attributes[name];
  }

  string(name: string): string {
    const value = this.#attributes[name];
    if (value === undefined || value === '') throw damaged(`"${this.#name}" has no "${name}"`);
    return value;
  }

  matching(name: string, pattern: RegExp, expected: string): string {
    const value = this.string(name);
    if (!pattern.test(value))
      throw damaged(`expected "${name}" of "${this.#name}" to be ${expected}, got ${JSON.stringify(value)}`);
    return value;
  }

  oneOf<T extends string>(name: string, values: readonly T[]): T {
    const value = this.string(name);
    const found = values.find((each) => each === value);
    if (found === undefined)
      throw damaged(
        `expected "${name}" of "${this.#name}" to be ${values.join(' or ')}, got ${JSON.stringify(value)}`,
      );
    return found;
  }

  bytes(name: string): number {
    return Number(this.matching(name, /^[0-9]{1,15}$/, 'a number of bytes'));
  }

  port(name: string): number {
    const value = Number(this.matching(name, /^[0-9]{1,5}$/, 'a port'));
    if (value < 1 || value > 65535)
      throw damaged(`expected "${name}" to be a port from 1 to 65535, got ${value}`);
    return value;
  }

  time(name: string): string {
    const value = this.string(name);
    if (Number.isNaN(Date.parse(value)))
      throw damaged(`expected "${name}" to be a time, got ${JSON.stringify(value)}`);
    return value;
  }
}
