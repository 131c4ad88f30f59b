import assert from 'node:assert/strict';
import { guestInfo } from '../../../src/libvirt/domain/guest-info.js';
import { withConnection, withDomain } from '../support.js';

describe('A guest', () => {
  it('has addresses, whoever is asked for them', () =>
    withConnection(async (connection) => {
      const domain = await connection.lookupDomainByName('test');
      for (const source of ['lease', 'agent', 'arp'] as const) {
        const [found] = await domain.interfaceAddresses({ source });
        assert.equal(found?.name, 'testnet0');
        assert.equal(found.mac, 'aa:bb:cc:dd:ee:ff');
        assert.match(found.addresses[0]?.address ?? '', /^192\.168\.122\.\d+$/);
        assert.deepEqual([found.addresses[0]?.family, found.addresses[0]?.prefix], ['ipv4', 24]);
      }
    }));

  it('has a host name', () =>
    withConnection(async (connection) => {
      const domain = await connection.lookupDomainByName('test');
      assert.match(await domain.getHostname(), /test/);
    }));

  it('shows a picture', () =>
    withDomain(async (domain) => {
      await domain.create();
      const { mimeType, data } = await domain.screenshot();
      assert.equal(mimeType, 'image/png');
      assert.equal(data.subarray(1, 4).toString(), 'PNG');
      assert.equal(data.subarray(-8, -4).toString(), 'IEND');
    }));

  it('answers through its agent, where the driver knows agents', () =>
    withDomain(async (domain) => {
      const calls = [
        domain.agentCommand({ execute: 'guest-ping' }, { timeout: 1 }),
        domain.agentCommand({ execute: 'guest-ping', arguments: { a: '\0' } }, { timeout: Infinity }),
        domain.getGuestInfo({ types: ['os', 'users'] }),
      ];
      await Promise.all(calls.map((each) => assert.rejects(each, { code: 'VIR_ERR_NO_SUPPORT' })));
    }));

  it('is described from the fields that libvirt documents', () => {
    const info = guestInfo({
      hostname: 'guest',
      'timezone.name': 'CET',
      'timezone.offset': 3600,
      'os.id': 'fedora',
      'os.pretty-name': 'Fedora Linux 43',
      'user.count': 1,
      'user.0.name': 'core',
      'user.0.login-time': 1_700_000_000_000n,
      'fs.count': 1,
      'fs.0.mountpoint': '/',
      'fs.0.fstype': 'xfs',
      'fs.0.total-bytes': 18_446_744_073_709_551_615n,
      'fs.0.disk.count': 1,
      'fs.0.disk.0.alias': 'vda',
      'disk.count': 1,
      'disk.0.name': '/dev/vda1',
      'disk.0.partition': true,
      'disk.0.dependency.count': 1,
      'disk.0.dependency.0.name': '/dev/vda',
      'if.count': 1,
      'if.0.name': 'eth0',
      'if.0.addr.count': 1,
      'if.0.addr.0.type': 'ipv6',
      'if.0.addr.0.addr': 'fe80::1',
      'if.0.addr.0.prefix': 64,
    });
    assert.equal(info.hostname, 'guest');
    assert.deepEqual(info.timezone, { name: 'CET', offset: 3600 });
    assert.equal(info.os?.prettyName, 'Fedora Linux 43');
    assert.deepEqual(info.users, [{ name: 'core', domain: undefined, loginTime: 1_700_000_000_000n }]);
    assert.equal(info.filesystems[0]?.total, 18_446_744_073_709_551_615n);
    assert.equal(info.filesystems[0].disks[0]?.alias, 'vda');
    assert.deepEqual(info.disks[0]?.dependencies, ['/dev/vda']);
    assert.deepEqual(info.interfaces[0]?.addresses, [{ family: 'ipv6', address: 'fe80::1', prefix: 64 }]);
  });
});
