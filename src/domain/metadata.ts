import { labelsElement, labelsOf, type Labels } from './labels.js';
import { isInNamespace, metadataNamespace, metadataPrefix } from './namespace.js';
import { originsElement, originsOf, type Origins } from './origins.js';
import { portsElement, portsOf, type PublishedPort } from './ports.js';
import {
  attribute,
  bytes,
  damaged,
  flag,
  list,
  matching,
  oneOf,
  optional,
  optionalPart,
  own,
  part,
  partOf,
  port,
  record,
  text,
  time,
  type RecordOf,
} from './record.js';
import { volumesElement, volumesOf, type Volume } from './volumes.js';
import { child, element, elements, type XmlElement } from './xml.js';

export { metadataNamespace, metadataPrefix };

const rootName = 'vm';

/** The record, in the order in which it is written. What may be absent was not always written. */
/** What an image is recorded by. */
const image = {
  /** As the user named it, or resolved to a full reference. */
  reference: attribute('reference', text),
  id: attribute('id', matching(/^[0-9a-f]{64}$/, '64 hexadecimal digits')),
  /** Manifest digest (`sha256:…`), if known. */
  digest: optional('digest', text),
};

const properties = {
  /** Of the domain that it is the record of: others have it from there. Absent in records of old versions. */
  uuid: optional('uuid', text),
  created: attribute('created', time),
  /**
   * Absolute path of the directory with its keys and logs. Absent in records of old versions: it lay where the disk's path
   * tells.
   */
  directory: optional('directory', text),
  /** Absent where it was made of a disk of the user's, and no update has brought an image into it. */
  image: optionalPart(
    'image',
    record({
      ...image,
      /** When `upgrade` or `rollback` brought it up; absent where the VM was made of it. */
      updated: optional('updated', time),
    }),
  ),
  /** The image before that, to which bootc can go back; absent where there was none. */
  previous: optionalPart('previous', record(image)),
  /** How its image was installed; absent where it was made of a disk of the user's. */
  install: optionalPart(
    'install',
    record({
      /** Where it was installed: `local`, or the name of a podman connection. */
      podman: attribute('podman', text),
      /** Root file system asked for; absent when the image chose. */
      filesystem: optional('filesystem', text),
      /** Limit of the root file system in bytes; absent without one. */
      rootSizeMax: optional('rootSizeMax', bytes),
      /** Of the bootc in the image, if it could tell. */
      bootcVersion: optional('bootcVersion', text),
      /** Kernel arguments besides the image's; absent without any. */
      kargs: list('karg', 'value'),
      /** Whether by bootc's composefs backend; absent when by ostree. */
      composefsBackend: flag('backend', 'composefs'),
      /** Boot loader asked for; absent when that was left to bootc. */
      bootloader: optional('bootloader', text),
      /** Further options that bootc got; absent without any. */
      bootcArgs: list('bootcArg', 'value'),
    }),
  ),
  /** The disk of the user's that it was made of; absent where it was made of an image. */
  source: optionalPart(
    'source',
    record({
      /** Absolute and without links. */
      path: attribute('path', text),
      format: attribute('format', oneOf('raw', 'qcow2')),
      /** Whether it is the VM's disk itself; absent where that is an overlay of it. */
      inPlace: flag('use', 'in-place'),
      /** By these a change is seen: bytes of the file, when it was written to last, and its inode. */
      length: attribute('length', bytes),
      modified: attribute('modified', time),
      inode: attribute('inode', matching(/^[0-9]{1,20}$/, 'a number')),
    }),
  ),
  /** Its disk: the one that was made for it, or the user's own; absent when there is none. */
  disk: optionalPart(
    'disk',
    record({
      path: attribute('path', text),
      /** Virtual size in bytes. */
      size: attribute('size', bytes),
      format: attribute('format', oneOf('raw', 'qcow2')),
      /** Key of the base disk that it was made from. */
      base: optional('base', text),
    }),
  ),
  ssh: part(
    'ssh',
    record({
      /** Port on 127.0.0.1 that is forwarded to port 22 of the guest. */
      port: attribute('port', port),
      user: attribute('user', text),
      /** `handed-over`: we made the host key and gave it to the VM; `first-contact`: the VM's own, learnt once. */
      hostKey: attribute('hostKey', oneOf('handed-over', 'first-contact')),
      /** Absolute path of the user's private key that logs in; absent where it is ours. */
      identity: optional('identity', text),
      /** Fingerprints (`SHA256:…`) of the user's own keys that log in besides ours; absent without any. */
      keys: list('key', 'fingerprint'),
    }),
  ),
  /** Ports that lead to the guest besides the SSH port; absent without any. */
  ports: own<PublishedPort[]>(portsElement, portsOf),
  /** Directories of the host that the guest has; absent without any. */
  volumes: own<Volume[]>(volumesElement, volumesOf),
  /** Host name that the guest gets at every boot; absent when that is left to the image. */
  hostname: optionalPart('guest', optional('hostname', text)),
  /** Where values came from when the VM was made; absent in records of old versions. */
  origins: own<Origins>(originsElement, originsOf),
  /** Directory whose files went into the cloud-init disk. */
  cloudInit: optionalPart('cloudInit', record({ directory: attribute('directory', text) })),
  /** The user's own words on the VM; absent without any. */
  labels: own<Labels>(labelsElement, labelsOf),
};

/**
 * What we know of a VM beyond its domain. It lives in the domain's own XML, so a VM and its record can't part: there is
 * no second store to be out of date. Secrets have no place in it, for every client of libvirt reads it.
 */
export type VmMetadata = RecordOf<typeof properties>;

const vm = record(properties);

/** Our record as an element, to put into `<metadata>`. */
export function metadataElement(metadata: VmMetadata): XmlElement {
  const root = element(`${metadataPrefix}:${rootName}`, { [`xmlns:${metadataPrefix}`]: metadataNamespace });
  vm.write(metadata, root);
  return root;
}

/**
 * Reads our record. Attributes and elements it doesn't know are passed over: a newer version may have written them.
 *
 * @throws PodmanBootcError `VM_METADATA_DAMAGED`: a required part is missing or makes no sense.
 */
export function parseMetadata(el: XmlElement): VmMetadata {
  const metadata = vm.read(el);
  for (const name of ['image', 'install'] as const)
    if (!metadata.source && !metadata[name]) throw damaged(`it has no "${name}" element`);
  if (metadata.directory === undefined && !metadata.disk) throw damaged('it has no "disk" element');
  return metadata;
}

/** What a VM was made of, in a word: the reference of its image, or the path of the user's disk. */
export function madeOf({ image, source }: VmMetadata): string {
  return image?.reference ?? source?.path ?? '';
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
export function setMetadataPort(el: XmlElement, number: number): void {
  const ssh = partOf(el, 'ssh');
  if (ssh === undefined) throw damaged('it has no "ssh" element');
  ssh.attributes.port = String(number);
}

/**
 * Notes in our element that the VM runs another version of its image, and which it ran before; in place: everything else in it
 * stays, known or not.
 * @param image with the time at which it came up
 */
export function setMetadataImage(el: XmlElement, image: NonNullable<VmMetadata['image']>): void {
  const found = partOf(el, 'image');
  if (found === undefined) {
    // One that was made of a disk: what it ran before nobody knows.
    if (partOf(el, 'source') === undefined) throw damaged('it has no "image" element');
    properties.image.write(image, el);
    return;
  }
  const { updated: _updated, ...before } = found.attributes;
  const old = partOf(el, 'previous');
  el.children = el.children.filter((each) => each !== old);
  properties.previous.write(before as unknown as VmMetadata['previous'], el);
  found.attributes = { ...image };
}
