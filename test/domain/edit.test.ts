import assert from 'node:assert/strict';

import { buildDomain } from '../../src/domain/build.js';
import { readDomain, withSlirp, withSshPort } from '../../src/domain/edit.js';
import { buildXml, child, children, find, parseXml, type XmlElement } from '../../src/domain/xml.js';
import { failure, fixture, metadata } from './support.js';
import { specification, variants } from './variants.js';

// Domains of ours that a user has changed: another disk, more forwarded ports, an argument and a variable for QEMU, a
// note of their own in the metadata, another reaction to a crash.
const slirp = fixture('domain-9.0-slirp.xml');
const passt = fixture('domain-11.3-ours.xml');

/** The document as libvirt would understand it, with every number `from` made `to`. */
function replaced(xml: string, from: string, to: string): XmlElement {
  return parseXml(xml.replaceAll(from, to));
}

function qemuValues(xml: string): (string | undefined)[] {
  return children(child(parseXml(xml), 'qemu:commandline'), 'qemu:arg').map((each) => each.attributes.value);
}

function ranges(xml: string): Record<string, string>[] {
  const networkInterface = find(parseXml(xml), 'devices', 'interface');
  return children(networkInterface, 'portForward').flatMap((each) =>
    children(each, 'range').map((range) => range.attributes),
  );
}

function withoutInterface(xml: string): XmlElement {
  const domain = parseXml(xml);
  const devices = child(domain, 'devices');
  if (devices)
    devices.children = devices.children.filter(
      (each) => typeof each === 'string' || each.name !== 'interface',
    );
  return domain;
}

describe('changing the SSH port of a domain', () => {
  it('changes the forward and the record of a slirp domain, and nothing else', () => {
    assert.deepEqual(parseXml(withSshPort(slirp, 3333)), replaced(slirp, '25025', '3333'));
    assert.ok(
      withSshPort(slirp, 3333).includes('hostfwd=tcp:127.0.0.1:8080-:80,hostfwd=tcp:127.0.0.1:3333-:22'),
    );
  });

  it('changes the forward and the record of a passt domain, and nothing else', () => {
    assert.deepEqual(parseXml(withSshPort(passt, 3333)), replaced(passt, '25026', '3333'));
    assert.deepEqual(ranges(withSshPort(passt, 3333)), [
      { start: '5353' },
      { start: '8080', end: '8082', to: '80' },
      { start: '8081', exclude: 'yes' },
      { start: '3333', to: '22' },
    ]);
  });

  it('takes what is built as well as what is dumped, and comes back the same when it comes back', () => {
    for (const [variant, spec] of Object.entries(variants)) {
      const built = buildDomain(spec);
      const moved = withSshPort(built, 4444);
      assert.equal(readDomain(moved).sshPort, 4444, variant);
      assert.equal(readDomain(moved).metadata?.ssh.port, 4444, variant);
      assert.equal(withSshPort(moved, spec.sshPort), built, variant);
    }
  });

  it('takes a domain with comments in it', () => {
    const commented = slirp.replace('<devices>', '<!-- mine: <devices> --><devices><!-- and -->');
    assert.deepEqual(parseXml(withSshPort(commented, 3333)), replaced(slirp, '25025', '3333'));
  });

  it('finds our forward among others to port 22 by the port in the record', () => {
    const more = slirp.replace('hostfwd=tcp:127.0.0.1:8080-:80', 'hostfwd=tcp::2200-:22');
    assert.equal(readDomain(more).sshPort, 25025);
    assert.ok(withSshPort(more, 3333).includes('hostfwd=tcp::2200-:22,hostfwd=tcp:127.0.0.1:3333-:22'));
  });

  it('finds our forward by our name when the record tells another port', () => {
    const drifted = slirp
      .replace('port="25025"', 'port="1025"')
      .replace(
        '<qemu:commandline>',
        `<qemu:commandline><qemu:arg value='-netdev'/><qemu:arg value='user,id=x,hostfwd=tcp::2200-:22'/>`,
      );
    assert.equal(readDomain(drifted).sshPort, 25025);
    const moved = withSshPort(drifted, 3333);
    assert.equal(readDomain(moved).sshPort, 3333);
    assert.ok(moved.includes('user,id=x,hostfwd=tcp::2200-:22'));
  });

  it('leaves doubled commas and the guest address of a forward alone', () => {
    const odd = slirp.replace(
      'hostfwd=tcp:127.0.0.1:25025-:22',
      'bootfile=a,,hostfwd=b,hostfwd=tcp:127.0.0.1:25025-10.0.2.15:22',
    );
    const moved = qemuValues(withSshPort(odd, 3333));
    assert.ok(
      moved.includes(
        'user,id=podman-bootc,hostfwd=tcp:127.0.0.1:8080-:80,bootfile=a,,hostfwd=b,hostfwd=tcp:127.0.0.1:3333-10.0.2.15:22',
      ),
    );
  });

  it('knows the namespace of QEMU by another prefix', () => {
    const other = slirp.replaceAll('qemu:', 'q:').replace('xmlns:qemu', 'xmlns:q');
    assert.equal(readDomain(other).sshPort, 25025);
    assert.ok(
      withSshPort(other, 3333).includes(
        '<q:arg value="user,id=podman-bootc,hostfwd=tcp:127.0.0.1:8080-:80,hostfwd=tcp:127.0.0.1:3333-:22"/>',
      ),
    );
  });

  it('reads a port within a range of ports, and refuses to change it', () => {
    const range = passt.replace(
      /<range start='25026' to='22'\/>/,
      `<range start='2000' end='2010' to='20'/>`,
    );
    assert.equal(readDomain(range).sshPort, 2002);
    assert.throws(() => withSshPort(range, 3333), failure('SSH_FORWARD_MISSING'));
  });

  it('refuses a domain without the forward, one that is not ours, and a port that is none', () => {
    const none = slirp.replace(',hostfwd=tcp:127.0.0.1:25025-:22', '');
    assert.equal(readDomain(none).sshPort, undefined);
    assert.throws(() => withSshPort(none, 3333), failure('SSH_FORWARD_MISSING', 'define'));
    assert.throws(() => withSshPort(fixture('domain-11.3-passt.xml'), 3333), failure('VM_METADATA_MISSING'));
    assert.throws(() => withSshPort(slirp, 0), failure('DOMAIN_SPECIFICATION', 'usage'));
    assert.throws(() => withSshPort('<network/>', 3333), failure('DOMAIN_INVALID'));
  });
});

describe('changing a domain from passt to slirp', () => {
  it('keeps the ports, the MAC address and all that is not the interface', () => {
    const changed = withSlirp(passt);
    assert.equal(readDomain(changed).sshPort, 25026);
    assert.deepEqual(qemuValues(changed), [
      '-netdev',
      [
        'user,id=podman-bootc',
        'hostfwd=udp::5353-:5353',
        'hostfwd=tcp:127.0.0.1:8080-:80',
        'hostfwd=tcp:127.0.0.1:8082-:82',
        'hostfwd=tcp:127.0.0.1:25026-:22',
      ].join(','),
      '-device',
      `virtio-net-pci,netdev=podman-bootc,bus=pcie.0,addr=0x10,mac=${/52:54:00:[0-9a-f:]{8}/.exec(passt)?.[0] ?? ''},romfile=`,
    ]);
    const kept = parseXml(changed);
    kept.children = kept.children.filter(
      (each) => typeof each === 'string' || each.name !== 'qemu:commandline',
    );
    Reflect.deleteProperty(kept.attributes, 'xmlns:qemu');
    assert.deepEqual(kept, withoutInterface(passt));
  });

  it('makes of a passt domain the slirp domain that would have been built', () => {
    const built = buildDomain(specification({ network: 'passt' }));
    assert.deepEqual(readDomain(withSlirp(built)), readDomain(buildDomain(specification())));
    assert.deepEqual(qemuValues(withSlirp(built)), qemuValues(buildDomain(specification())));
  });

  it('changes nothing the second time', () => {
    assert.equal(withSlirp(withSlirp(passt)), withSlirp(passt));
    assert.deepEqual(parseXml(withSlirp(slirp)), parseXml(slirp));
  });

  it('adds to a command line for QEMU that is there', () => {
    const own = passt
      .replace('<domain ', `<domain xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0' `)
      .replace('</domain>', `<q:commandline><q:arg value='-snapshot'/></q:commandline></domain>`);
    const values = children(child(parseXml(withSlirp(own)), 'q:commandline'), 'q:arg').map(
      (each) => each.attributes.value,
    );
    assert.deepEqual([values[0], values[1], values.length], ['-snapshot', '-netdev', 5]);
  });

  it('takes another slot when a device of the user has ours', () => {
    const taken = passt.replace(
      '<devices>',
      `<devices><watchdog model='i6300esb'><address type='pci' domain='0x0000' bus='0x00' slot='0x10' function='0x0'/></watchdog>`,
    );
    assert.ok(withSlirp(taken).includes('addr=0x11,'));
  });

  it("leaves a user's own passt interface alone", () => {
    const other = `<interface type='user'><backend type='passt'/><portForward proto='tcp'><range start='9000'/></portForward></interface>`;
    const domain = passt.replace('<devices>', `<devices>${other}`);
    const left = children(child(parseXml(withSlirp(domain)), 'devices'), 'interface');
    assert.deepEqual(left, [parseXml(other)]);
  });

  const inexpressible: Record<string, string> = {
    'an IPv6 address': `<portForward proto='tcp' address='::1'><range start='9000'/></portForward>`,
    'one interface of the host': `<portForward proto='tcp' dev='eth0'><range start='9000'/></portForward>`,
    'more ports than fit': `<portForward proto='tcp'><range start='1024' end='65535'/></portForward>`,
  };
  for (const [what, forward] of Object.entries(inexpressible)) {
    it(`refuses to drop a forward with ${what}`, () => {
      const domain = passt.replace("<portForward proto='udp'>", `${forward}<portForward proto='udp'>`);
      assert.notEqual(domain, passt);
      assert.throws(() => withSlirp(domain), failure('NETWORK_NOT_CONVERTIBLE', 'define'));
    });
  }

  it('refuses a domain that forwards no port to SSH', () => {
    const none = buildXml(withoutInterface(passt));
    assert.throws(() => withSlirp(none), failure('SSH_FORWARD_MISSING', 'define'));
  });
});

describe('reading a domain', () => {
  it('tells what libvirt 9.0 made of a domain of ours', () => {
    assert.deepEqual(readDomain(slirp), {
      name: 'fedora',
      uuid: '6a5f0a6e-6c7d-4c0f-9d3a-0123456789ab',
      title: 'podman-bootc: quay.io/fedora/fedora-bootc:42',
      domainType: 'qemu',
      arch: 'x86_64',
      machine: 'pc-q35-7.2',
      cpus: 2,
      memory: 536_870_912,
      currentMemory: 536_870_912,
      firmware: 'efi',
      emulator: '/usr/bin/qemu-system-x86_64',
      metadata: {
        ...metadata,
        ssh: { ...metadata.ssh, port: 25025 },
        cloudInit: { directory: '/home/me/cloud-init' },
      },
      sshPort: 25025,
      consoleLog: '/srv/vm/console.log',
      diskPaths: ['/srv/vm/disk.qcow2', '/srv/vm/extra.raw', '/srv/vm/ci.iso'],
      backingPaths: ['/srv/vm/base.raw'],
      ports: [{ protocol: 'tcp', address: '127.0.0.1', hostPort: 8080, guestPort: 80 }],
      usesPasst: false,
      volumes: [],
    });
  });

  it('tells what libvirt 11.3 made of one, and of one by hand', () => {
    const ours = readDomain(passt);
    assert.equal(ours.sshPort, 25026);
    assert.deepEqual(
      ours.ports.map(({ protocol, address, hostPort }) => `${protocol} ${address}:${hostPort}`),
      ['udp 0.0.0.0:5353', 'tcp 127.0.0.1:8080', 'tcp 127.0.0.1:8082'],
    );
    assert.equal(ours.machine, 'pc-q35-10.0');
    assert.equal(ours.firmware, 'efi');
    const byHand = readDomain(fixture('domain-11.3-passt.xml'));
    assert.equal(byHand.sshPort, 2402);
    assert.equal(byHand.metadata, undefined);
    assert.equal(byHand.firmware, 'bios');
  });

  it('takes the CPUs that are plugged in of those there is room for', () => {
    const domain = buildDomain(specification()).replace('<vcpu>2</vcpu>', `<vcpu current='3'>8</vcpu>`);
    assert.equal(readDomain(domain).cpus, 3);
  });

  const units: [unit: string, amount: string, bytes: number][] = [
    ['', '1024', 1_048_576],
    [` unit='b'`, '1048576', 1_048_576],
    [` unit='bytes'`, '1048576', 1_048_576],
    [` unit='KB'`, '1000', 1_000_000],
    [` unit='k'`, '1', 1024],
    [` unit='MiB'`, '1', 1_048_576],
    [` unit='M'`, '1', 1_048_576],
    [` unit='MB'`, '1', 1_000_000],
    [` unit='GiB'`, '2', 2_147_483_648],
    [` unit='G'`, '2', 2_147_483_648],
    [` unit='GB'`, '2', 2_000_000_000],
    [` unit='T'`, '1', 1_099_511_627_776],
  ];
  for (const [unit, amount, bytes] of units) {
    it(`takes memory of ${amount}${unit || ' without a unit'} for ${bytes} bytes`, () => {
      assert.equal(
        readDomain(`<domain type='qemu'><memory${unit}>${amount}</memory></domain>`).memory,
        bytes,
      );
    });
  }

  it('refuses memory that is none', () => {
    assert.throws(() => readDomain(`<domain/>`), failure('DOMAIN_INVALID'));
    assert.throws(
      () => readDomain(`<domain><memory unit='pages'>1</memory></domain>`),
      failure('DOMAIN_INVALID'),
    );
  });

  it('knows UEFI by its loader where nobody said firmware="efi"', () => {
    const domain = `<domain><memory>1</memory><os><loader type='pflash'>/x</loader></os></domain>`;
    assert.equal(readDomain(domain).firmware, 'efi');
  });

  it('lists block devices, and disks below disks', () => {
    const disk = `<disk><source dev='/dev/sdb'/><backingStore type='file'><source file='/a'/><backingStore><source file='/b'/><backingStore/></backingStore></backingStore></disk><disk device='cdrom'/>`;
    const read = readDomain(`<domain><memory>1</memory><devices>${disk}</devices></domain>`);
    assert.deepEqual([read.diskPaths, read.backingPaths], [['/dev/sdb'], ['/a', '/b']]);
  });

  it('ignores a forward of UDP, one that is kept out, and one of another network', () => {
    const forwards = `<portForward proto='udp'><range start='22'/></portForward><portForward proto='tcp'><range start='22' exclude='yes'/></portForward>`;
    const other = `<interface type='user'><portForward proto='tcp'><range start='22'/></portForward></interface>`;
    const domain = `<domain><memory>1</memory><devices><interface type='user'><backend type='passt'/>${forwards}</interface>${other}</devices></domain>`;
    assert.equal(readDomain(domain).sshPort, undefined);
  });
});
