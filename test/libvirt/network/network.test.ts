import assert from 'node:assert/strict';
import { withConnection } from '../support.js';

const networkXml = (name: string) =>
  `<network><name>${name}</name><bridge name='virbr-${name}'/><ip address='192.168.99.1' netmask='255.255.255.0'><dhcp><range start='192.168.99.2' end='192.168.99.9'/></dhcp></ip></network>`;

describe('A network', () => {
  it('is defined, started, stopped and undefined', () =>
    withConnection(async (connection) => {
      await using network = await connection.defineNetwork(networkXml('cycle'));
      assert.equal(network.name, 'cycle');
      assert.match(network.uuid, /^[\da-f-]{36}$/);
      assert.equal(await network.isActive(), false);
      assert.equal(await network.isPersistent(), true);
      await network.create();
      assert.equal(await network.isActive(), true);
      assert.equal(await network.getBridgeName(), 'virbr-cycle');
      assert.equal(await network.getAutostart(), false);
      await network.setAutostart(true);
      assert.equal(await network.getAutostart(), true);
      await network.setAutostart(false);
      assert.match(await network.getXml(), /<name>cycle<\/name>/);
      await network.destroy();
      await network.undefine();
      await assert.rejects(network.isActive(), { name: 'LibvirtError', code: 'VIR_ERR_NO_NETWORK' });
    }));

  it('is found by its name and UUID', () =>
    withConnection(async (connection) => {
      const network = await connection.lookupNetworkByName('default');
      assert.equal((await connection.lookupNetworkByUuid(network.uuid)).name, 'default');
      assert.deepEqual(
        (await connection.listAllNetworks({ active: true })).map(({ name }) => name),
        ['default'],
      );
      assert.deepEqual(await connection.listAllNetworks({ active: false }), []);
      const absent = { name: 'LibvirtError', code: 'VIR_ERR_NO_NETWORK' };
      await assert.rejects(connection.lookupNetworkByName('absent'), absent);
      await assert.rejects(connection.lookupNetworkByUuid('6695eb01-f6a4-8304-79aa-97f2502e193e'), absent);
    }));

  it('can be transient', () =>
    withConnection(async (connection) => {
      const network = await connection.createNetwork(networkXml('transient'));
      assert.equal(await network.isPersistent(), false);
      await network.destroy();
    }));

  it('tells who has an address, where the driver knows it', () =>
    withConnection(async (connection) => {
      const network = await connection.lookupNetworkByName('default');
      await assert.rejects(network.getDhcpLeases(), { name: 'LibvirtError', code: 'VIR_ERR_NO_SUPPORT' });
      await assert.rejects(network.getDhcpLeases({ mac: 5 as never }), {
        message: 'Expected `mac` to be a string or undefined, got 5',
      });
    }));

  it('is refused when it makes no sense or is closed', () =>
    withConnection(async (connection) => {
      await assert.rejects(connection.defineNetwork('<network'), { code: 'VIR_ERR_XML_DETAIL' });
      await assert.rejects(connection.createNetwork('<domain/>'), { name: 'LibvirtError' });
      await assert.rejects(connection.defineNetwork(networkXml('x'), { validate: 0 as never }), {
        message: 'Expected `validate` to be a boolean or undefined, got 0',
      });
      const network = await connection.lookupNetworkByName('default');
      await network.close();
      await assert.rejects(network.getXml(), { name: 'LibvirtError', code: 'VIR_ERR_INVALID_NETWORK' });
    }));
});
