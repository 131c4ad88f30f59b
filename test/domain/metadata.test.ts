import assert from 'node:assert/strict';

import {
  madeOf,
  metadataElement,
  metadataNamespace,
  metadataOfDomain,
  parseMetadata,
  setMetadataImage,
  type VmMetadata,
} from '../../src/domain/metadata.js';
import { buildXml, element, find, parseXml } from '../../src/domain/xml.js';
import { listVirtualMachines } from '../../src/vm/virtual-machine.js';
import { openTestHost } from '../support/test-host.js';
import { failure, fixture, metadata } from './support.js';

const least: VmMetadata = {
  image: { reference: 'a', id: '0'.repeat(64) },
  install: { podman: 'local' },
  disk: { path: '/d', size: 0, format: 'raw' },
  ssh: { port: 1, user: 'core', hostKey: 'first-contact' },
  created: '2026-08-01T12:00:00Z',
};

const most: typeof metadata = {
  ...metadata,
  uuid: '6a5f0a6e-6c7d-4c0f-9d3a-0123456789ab',
  directory: '/srv/<vms> & co/6a5f0a6e-6c7d-4c0f-9d3a-0123456789ab',
  image: {
    ...metadata.image,
    reference: `localhost/<&>"' 007 true\n🦭`,
    updated: '2026-08-02T12:00:00.000Z',
  },
  disk: { path: '/srv/true', size: 999_999_999_999_999, format: 'qcow2' },
  install: {
    ...metadata.install,
    kargs: ['quiet', 'a="b  c" ', '<&>'],
    composefsBackend: true,
    bootloader: 'systemd',
    bootcArgs: ['--allow-missing-verity', '--karg-delete=a="b c"'],
  },
  ssh: { ...metadata.ssh, keys: ['SHA256:abc/+', 'SHA256:def'] },
  ports: [
    { protocol: 'tcp', address: '127.0.0.1', hostPort: 8080, guestPort: 80 },
    { protocol: 'udp', address: '0.0.0.0', hostPort: 65535, guestPort: 1 },
  ],
  previous: { reference: 'localhost/web:1', id: '7'.repeat(64), digest: `sha256:${'7'.repeat(64)}` },
  hostname: 'web-1.example.org',
  origins: { cpus: 'option', memory: 'image label', diskSize: 'default', bootcArgs: 'image label' },
  cloudInit: { directory: "/home/o'neill/<cloud> & init" },
  labels: {
    stage: 'test',
    'io.example/team': ' <&>"\' = ü ',
    empty: '',
    constructor: '007',
    ['__proto__']: 'x',
  },
};

/** Of a VM that is made of a disk. */
const ofDisk: VmMetadata = {
  source: {
    path: `/srv/it's <a> & "disk".qcow2`,
    format: 'qcow2',
    inPlace: true,
    length: 196_624,
    modified: '2026-08-01T11:00:00.123Z',
    inode: '18446744073709551615',
  },
  disk: { path: `/srv/it's <a> & "disk".qcow2`, size: 1, format: 'qcow2' },
  ssh: { port: 1, user: 'core', hostKey: 'first-contact', identity: '/home/me/.ssh/id & key' },
  created: '2026-08-01T12:00:00Z',
};

describe("a VM's metadata", () => {
  const { disk: _, ...withoutDisk } = most;
  for (const [what, record] of Object.entries({ least, most, usual: metadata, withoutDisk })) {
    it(`come back from XML as they were: ${what}`, () => {
      assert.deepEqual(parseMetadata(parseXml(buildXml(metadataElement(record)))), record);
    });
  }

  it('come back from what libvirt 9.0 and 11.3 dumped, with things in them that we do not know', () => {
    for (const [name, port] of [
      ['domain-9.0-slirp.xml', 25025],
      ['domain-11.3-ours.xml', 25026],
    ] as const) {
      assert.deepEqual(
        metadataOfDomain(parseXml(fixture(name))),
        { ...metadata, ssh: { ...metadata.ssh, port }, cloudInit: { directory: '/home/me/cloud-init' } },
        name,
      );
    }
  });

  it('are found by their namespace, whatever its prefix and wherever it is declared', () => {
    const declaration = ` xmlns:podman-bootc="${metadataNamespace}"`;
    const bare = buildXml(metadataElement(metadata)).replace(declaration, '');
    const forms = [
      `<domain><metadata>${bare.replace(':vm', `:vm${declaration}`)}</metadata></domain>`,
      `<domain><metadata${declaration}>${bare}</metadata></domain>`,
      `<domain${declaration}><metadata>${bare}</metadata></domain>`,
      `<domain xmlns:pb="${metadataNamespace}"><metadata><x:vm xmlns:x="urn:x"/>${bare.replaceAll('podman-bootc:', 'pb:')}</metadata></domain>`,
      `<domain><metadata>${bare.replaceAll('podman-bootc:', '').replace('<vm', `<vm xmlns="${metadataNamespace}"`)}</metadata></domain>`,
    ];
    for (const form of forms) assert.deepEqual(metadataOfDomain(parseXml(form)), metadata, form);
  });

  it('of somebody else are none of ours', () => {
    assert.equal(metadataOfDomain(parseXml('<domain/>')), undefined);
    assert.equal(metadataOfDomain(parseXml(fixture('domain-11.3-passt.xml'))), undefined);
    const other = '<podman-bootc:vm xmlns:podman-bootc="urn:other"/>';
    assert.equal(
      metadataOfDomain(parseXml(`<domain><metadata>${other}<vm/></metadata></domain>`)),
      undefined,
    );
  });

  it('come back from libvirt with their labels, also without prefixes, as its metadata call writes them', async function () {
    const labels = { stage: 'test', 'io.example/team': ' a  <&>"\' ', empty: '' };
    const { host } = await openTestHost(this, [{ name: 'web', labels }]);
    const [vm] = await listVirtualMachines(host);
    assert.deepEqual(vm?.metadata.labels, labels);
  });

  it('stay readable when a newer version has added to them', () => {
    const newer = metadataElement(metadata);
    newer.attributes.colour = 'blue';
    newer.children.push(element('podman-bootc:later', { a: 'b' }), 'text');
    for (const part of newer.children) if (typeof part !== 'string') part.attributes.later = 'x';
    assert.deepEqual(parseMetadata(newer), metadata);
  });

  const damages: Record<string, [part: string, attribute: string, value: string | undefined]> = {
    'an image without a reference': ['image', 'reference', undefined],
    'an image without an id': ['image', 'id', undefined],
    'a short image id': ['image', 'id', 'abc'],
    'a disk without a path': ['disk', 'path', ''],
    'a size that is a word': ['disk', 'size', 'large'],
    'a negative size': ['disk', 'size', '-1'],
    'a size with an exponent': ['disk', 'size', '1e9'],
    'another disk format': ['disk', 'format', 'vmdk'],
    'a limit that is a word': ['install', 'rootSizeMax', 'all'],
    'no place of installation': ['install', 'podman', undefined],
    'port 0': ['ssh', 'port', '0'],
    'port 65536': ['ssh', 'port', '65536'],
    'a port that is a word': ['ssh', 'port', 'ssh'],
    'no user': ['ssh', 'user', undefined],
    'another kind of host key': ['ssh', 'hostKey', 'none'],
  };
  for (const [what, [part, attribute, value]] of Object.entries(damages)) {
    it(`are damaged with ${what}, and the error names the place`, () => {
      const broken = metadataElement(metadata);
      const found = find(broken, `podman-bootc:${part}`);
      assert.ok(found);
      if (value === undefined) Reflect.deleteProperty(found.attributes, attribute);
      else found.attributes[attribute] = value;
      assert.throws(() => parseMetadata(broken), failure('VM_METADATA_DAMAGED', 'failure'));
      assert.throws(() => parseMetadata(broken), new RegExp(attribute));
    });
  }

  it('are damaged without one of their parts', () => {
    for (const part of ['image', 'install', 'disk', 'ssh']) {
      const broken = metadataElement(metadata);
      broken.children = broken.children.filter(
        (each) => typeof each === 'string' || each.name !== `podman-bootc:${part}`,
      );
      assert.throws(() => parseMetadata(broken), new RegExp(`no "${part}" element`));
    }
  });

  it('are damaged without a time that can be read', () => {
    const broken = metadataElement(metadata);
    broken.attributes.created = 'yesterday';
    assert.throws(() => parseMetadata(broken), failure('VM_METADATA_DAMAGED'));
  });
});

describe('the record of a VM that is made of a disk', () => {
  it('has no image, and comes back as it was', () => {
    const { source } = ofDisk;
    assert.ok(source);
    const { inPlace: _, ...overlaid } = source;
    for (const each of [ofDisk, { ...ofDisk, source: overlaid }])
      assert.deepEqual(parseMetadata(parseXml(buildXml(metadataElement(each)))), each);
    assert.equal(madeOf(ofDisk), source.path);
    assert.equal(madeOf(metadata), metadata.image.reference);
  });

  it('gets an image by its first update, and says from the second on what was before', () => {
    const record = metadataElement(ofDisk);
    const [first, second] = ['7', '8'].map((digit) => ({
      reference: `localhost/web:${digit}`,
      id: digit.repeat(64),
      updated: '2026-08-03T12:00:00.000Z',
    }));
    assert.ok(first && second);
    setMetadataImage(record, first);
    assert.deepEqual(parseMetadata(record), { ...ofDisk, image: first });
    setMetadataImage(record, second);
    const { updated: _updated, ...before } = first;
    assert.deepEqual(parseMetadata(record), { ...ofDisk, image: second, previous: before });
  });
});

describe('the version of its image in a record', () => {
  it('becomes another one, and the one before is noted; what is not known of it stays', () => {
    const record = metadataElement(most);
    record.children.push(element('podman-bootc:later', { known: 'no' }));
    const image = { reference: 'localhost/web:2', id: '8'.repeat(64), updated: '2026-08-03T12:00:00.000Z' };
    setMetadataImage(record, image);
    const { updated: _updated, ...before } = most.image;
    assert.deepEqual(parseMetadata(record), { ...most, image, previous: before });
    assert.ok(record.children.some((each) => typeof each !== 'string' && each.name === 'podman-bootc:later'));
    setMetadataImage(record, most.image);
    assert.deepEqual(parseMetadata(record).previous, { reference: image.reference, id: image.id });
  });
});
