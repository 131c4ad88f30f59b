import assert from 'node:assert/strict';
import { loadAddon } from '../../../src/libvirt/load.js';
import { connect } from '../../../src/libvirt/index.js';
import { testUri, withConnection } from '../support.js';

describe('Closing twice', () => {
  it('is one closing of a connection', async () => {
    const connection = await connect(testUri);
    await Promise.all([connection.close(), connection.close(), connection[Symbol.asyncDispose]()]);
    await connection.close();
    assert.equal(connection.closed, true);
  });

  it('is one closing of a domain', () =>
    withConnection(async (connection) => {
      const domain = await connection.lookupDomainByName('test');
      await Promise.all([domain.close(), domain.close()]);
      await domain.close();
    }));

  it('is one closing of a domain whose connection is closed', async () => {
    const connection = await connect(testUri);
    const domain = await connection.lookupDomainByName('test');
    await connection.close();
    await domain.close();
    await domain.close();
  });

  it('is refused by the addon, not repeated', async () => {
    const addon = loadAddon();
    const connection = await addon.connectionOpen(testUri, false, () => undefined, 0);
    const { handle } = await addon.connectionLookupDomainByName(connection, 'test', 0);
    addon.domainClose(handle);
    addon.domainClose(handle);
    await addon.connectionClose(connection, 0);
    await assert.rejects(addon.connectionClose(connection, 0), { number: 6 });
  });
});
