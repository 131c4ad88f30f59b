import assert from 'node:assert/strict';
import { isLibvirtError } from '../../../src/libvirt/index.js';
import { withConnection, withDomain } from '../support.js';

describe('What a domain consists of', () => {
  it('has memory that is set in KiB, as it is and as the most it can be', () =>
    withDomain(async (domain) => {
      await domain.setMemory(65_536, { maximum: true });
      await domain.setMemory(4096n);
      const { memory, maxMemory } = await domain.getInfo();
      assert.deepEqual({ memory, maxMemory }, { memory: 4096n, maxMemory: 65_536n });
    }));

  it('has memory for now and for the next start', () =>
    withDomain(async (domain) => {
      await domain.create();
      await domain.setMemory(2048, { live: true });
      assert.equal((await domain.getInfo()).memory, 2048n);
      await domain.setMemory(4096, { config: true });
      assert.equal((await domain.getInfo()).memory, 2048n);
      assert.match(await domain.getXml({ inactive: true }), /<currentMemory unit='KiB'>4096</);
    }));

  it('has processors', () =>
    withDomain(async (domain) => {
      await domain.setVcpus(3, { config: true, maximum: true });
      await domain.setVcpus(2, { config: true });
      assert.equal(await domain.getVcpus({ config: true, maximum: true }), 3);
      assert.equal(await domain.getVcpus({ config: true }), 2);
      await assert.rejects(domain.setVcpus(9, { config: true }), { code: 'VIR_ERR_INVALID_ARG' });
    }));

  it('has devices, where the driver can change them', () =>
    withDomain(async (domain) => {
      const xml = "<interface type='user'/>";
      const calls = [
        domain.attachDevice(xml, { config: true }),
        domain.detachDevice(xml, { live: true }),
        domain.detachDeviceByAlias('ua-net'),
        domain.updateDevice(xml, { force: true }),
      ];
      // Newer test drivers know some of these, and what is wrong with them.
      const code = /^VIR_ERR_(NO_SUPPORT|INVALID_ARG|OPERATION_INVALID|DEVICE_MISSING)$/;
      const settled = await Promise.allSettled(calls);
      const apis = settled.map((each) => {
        assert.ok(each.status === 'rejected' && isLibvirtError(each.reason));
        assert.match(each.reason.code, code);
        return each.reason.api;
      });
      assert.deepEqual(apis, [
        'virDomainAttachDeviceFlags',
        'virDomainDetachDeviceFlags',
        'virDomainDetachDeviceAlias',
        'virDomainUpdateDeviceFlags',
      ]);
    }));

  it('has disks with a size', () =>
    withConnection(async (connection) => {
      const xml = `<domain type='test'><name>with-a-disk</name><memory>8192</memory><os><type>hvm</type></os>
        <devices><disk type='file'><source file='/guest.img'/><target dev='vda'/></disk></devices></domain>`;
      const domain = await connection.defineDomain(xml);
      await domain.create();
      const { capacity, allocation, physical } = await domain.getBlockInfo('vda');
      assert.deepEqual([typeof capacity, typeof allocation, typeof physical], ['bigint', 'bigint', 'bigint']);
      await assert.rejects(domain.getBlockInfo('vdz'), { code: 'VIR_ERR_INVALID_ARG' });
      await domain.destroy();
      await domain.undefine();
    }));
});
