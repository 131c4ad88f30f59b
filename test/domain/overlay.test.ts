import assert from 'node:assert/strict';
import { buildDomain } from '../../src/domain/build.js';
import { updateDiskElement } from '../../src/domain/devices/disk.js';
import { findDisk, freeDiskTarget, hasDisk, overlaySnapshotXml, withDisk } from '../../src/domain/overlay.js';
import { buildXml, child, children, find, parseXml } from '../../src/domain/xml.js';
import { failure, fixture } from './support.js';
import { specification } from './variants.js';

/** A domain of ours to which a user has added a CD-ROM drive and a second disk. */
const slirp = fixture('domain-9.0-slirp.xml');

describe('an overlay above the disk of a domain', () => {
  const domain = specification();
  const built = buildDomain(domain);
  const { path } = domain.disk;

  it('is made of the disk that a file is, and of no other one', () => {
    const disk = findDisk(built, path);
    assert.equal(disk?.target, 'vda');
    assert.ok(hasDisk(built, path));
    assert.equal(findDisk(built, '/elsewhere.qcow2'), undefined);
    const xml = parseXml(overlaySnapshotXml(built, 'vda', '/overlay.qcow2'));
    assert.equal(xml.name, 'domainsnapshot');
    assert.deepEqual(child(xml, 'memory')?.attributes, { snapshot: 'no' });
    const [first, ...others] = children(find(xml, 'disks'), 'disk');
    assert.deepEqual(first?.attributes, { name: 'vda', snapshot: 'external' });
    assert.deepEqual(child(first, 'source')?.attributes, { file: '/overlay.qcow2' });
    assert.deepEqual(child(first, 'driver')?.attributes, { type: 'qcow2' });
    assert.ok(others.every(({ attributes }) => attributes.snapshot === 'no'));
  });

  it('leaves all other disks out of it', () => {
    const names = children(find(parseXml(slirp), 'devices'), 'disk').map(
      (disk) => child(disk, 'target')?.attributes.dev,
    );
    assert.ok(names.length > 1);
    const listed = children(find(parseXml(overlaySnapshotXml(slirp, 'vda', '/o')), 'disks'), 'disk');
    assert.deepEqual(
      listed.map(({ attributes }) => attributes),
      names.map((name) => ({ name, snapshot: name === 'vda' ? 'external' : 'no' })),
    );
  });

  it('is undone by the disk as it was, and nothing else of the domain changes', () => {
    const disk = findDisk(built, path);
    assert.ok(disk);
    const changed = built
      .replace(`file="${path}"`, 'file="/overlay.qcow2"')
      .replace('type="raw"', 'type="qcow2"');
    assert.ok(hasDisk(changed, '/overlay.qcow2') && !hasDisk(changed, path));
    assert.deepEqual(parseXml(withDisk(changed, disk)), parseXml(built));
  });

  it('is not undone in a domain that has lost the disk', () => {
    assert.throws(
      () => withDisk(built, { target: 'vdq', xml: '<disk/>' }),
      failure('DOMAIN_INVALID', 'failure'),
    );
  });
});

describe('a disk that only lasts for an update', () => {
  it('is read-only, at a name that no other disk has, and is found by its file', () => {
    const built = buildDomain(specification());
    assert.equal(freeDiskTarget(built), 'vdb');
    const domain = parseXml(built);
    const serial = 'podman-bootc-0123456';
    const disk = updateDiskElement({ path: '/a & b/update.tar', target: 'vdb', serial });
    find(domain, 'devices')?.children.push(disk);
    const plugged = buildXml(domain);
    assert.equal(freeDiskTarget(plugged), 'vdc');
    assert.deepEqual(findDisk(plugged, '/a & b/update.tar'), { target: 'vdb', xml: buildXml(disk) });
    assert.ok(child(disk, 'readonly'));
    assert.deepEqual(child(disk, 'driver')?.attributes, { name: 'qemu', type: 'raw' });
    assert.deepEqual(child(disk, 'serial')?.children, [serial]);
    assert.ok(Buffer.byteLength(serial) <= 20, 'virtio passes on no more');
  });
});
