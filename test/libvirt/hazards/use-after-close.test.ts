import assert from 'node:assert/strict';
import { loadAddon } from '../../../src/libvirt/load.js';
import { connect, type Connection, type Domain } from '../../../src/libvirt/index.js';
import { domainXml, testUri, withConnection } from '../support.js';

const connectionCalls: ((connection: Connection) => Promise<unknown>)[] = [
  (connection) => connection.getUri(),
  (connection) => connection.getType(),
  (connection) => connection.getVersion(),
  (connection) => connection.getLibraryVersion(),
  (connection) => connection.getCapabilities(),
  (connection) => connection.getDomainCapabilities(),
  (connection) => connection.defineDomain(domainXml('late')),
  (connection) => connection.createDomain(domainXml('late')),
  (connection) => connection.lookupDomainByName('test'),
  (connection) => connection.lookupDomainByUuid('6695eb01-f6a4-8304-79aa-97f2502e193f'),
  (connection) => connection.listAllDomains(),
  (connection) => connection.onDomainLifecycle(() => undefined),
  (connection) => connection.getAllDomainStats(),
];

const domainCalls: ((domain: Domain) => Promise<unknown>)[] = [
  (domain) => domain.getState(),
  (domain) => domain.getInfo(),
  (domain) => domain.isActive(),
  (domain) => domain.isPersistent(),
  (domain) => domain.getXml(),
  (domain) => domain.getMetadata('x:y'),
  (domain) => domain.setMetadata(null, { key: 'k', uri: 'x:y' }),
  (domain) => domain.create(),
  (domain) => domain.shutdown(),
  (domain) => domain.destroy(),
  (domain) => domain.undefine(),
  (domain) => domain.reboot(),
  (domain) => domain.reset(),
  (domain) => domain.suspend(),
  (domain) => domain.resume(),
  (domain) => domain.managedSave(),
  (domain) => domain.hasManagedSave(),
  (domain) => domain.removeManagedSave(),
  (domain) => domain.rename('other'),
  (domain) => domain.getAutostart(),
  (domain) => domain.setAutostart(true),
  (domain) => domain.sendKey([30]),
  (domain) => domain.getMessages(),
  (domain) => domain.setMemory(1024),
  (domain) => domain.setVcpus(1),
  (domain) => domain.getVcpus(),
  (domain) => domain.attachDevice('<disk/>'),
  (domain) => domain.detachDevice('<disk/>'),
  (domain) => domain.detachDeviceByAlias('ua-disk'),
  (domain) => domain.updateDevice('<disk/>'),
  (domain) => domain.agentCommand({ execute: 'guest-ping' }),
  (domain) => domain.interfaceAddresses(),
  (domain) => domain.getGuestInfo(),
  (domain) => domain.getHostname(),
  (domain) => domain.screenshot(),
  (domain) => domain.getBlockInfo('vda'),
  (domain) => domain.resizeBlock('vda', 4096),
  (domain) => domain.getBlockStats('vda'),
  (domain) => domain.blockCommit('vda'),
  (domain) => domain.getBlockJob('vda'),
  (domain) => domain.abortBlockJob('vda'),
  (domain) => domain.getMemoryStats(),
  (domain) => domain.getJob(),
  (domain) => domain.abortJob(),
  (domain) => domain.createSnapshot(),
  (domain) => domain.listSnapshots(),
  (domain) => domain.lookupSnapshot('one'),
  (domain) => domain.getCurrentSnapshot(),
];

describe('Use after close', () => {
  it('is refused by each call of a connection', async () => {
    const connection = await connect(testUri);
    await connection.close();
    for (const call of connectionCalls)
      await assert.rejects(call(connection), { name: 'LibvirtError', code: 'VIR_ERR_INVALID_CONN' });
  });

  it('is refused by each call of a domain', () =>
    withConnection(async (connection) => {
      const domain = await connection.lookupDomainByName('test');
      await domain.close();
      for (const call of domainCalls)
        await assert.rejects(call(domain), { name: 'LibvirtError', code: 'VIR_ERR_INVALID_DOMAIN' });
      assert.equal(domain.name, 'test');
    }));

  it('is refused by each call of a domain whose connection is closed', async () => {
    const connection = await connect(testUri);
    const domain = await connection.lookupDomainByName('test');
    await connection.close();
    for (const call of domainCalls) await assert.rejects(call(domain), { code: 'VIR_ERR_INVALID_CONN' });
  });

  it('is not what calls are that were made before', async () => {
    const connection = await connect(testUri);
    const domain = await connection.lookupDomainByName('test');
    const calls = [domain.getXml(), connection.listAllDomains(), connection.lookupDomainByName('test')];
    await Promise.all([domain.close(), connection.close()]);
    await Promise.all(calls);
  });

  it('is refused by domains that a call in flight brought after the close', async () => {
    const connection = await connect(testUri);
    const found = connection.lookupDomainByName('test');
    await connection.close();
    await assert.rejects((await found).getState(), { code: 'VIR_ERR_INVALID_CONN' });
  });

  it('is refused by the addon itself', async () => {
    const addon = loadAddon();
    const connection = await addon.connectionOpen(testUri, false, () => undefined, 0);
    const { handle } = await addon.connectionLookupDomainByName(connection, 'test', 0);
    const { handle: other } = await addon.connectionLookupDomainByName(connection, 'test', 0);
    addon.domainClose(other);
    assert.throws(() => addon.domainGetState(other, 0), { name: 'TypeError' });
    await addon.connectionClose(connection, 0);
    await assert.rejects(addon.domainGetState(handle, 0), { kind: 'libvirt', number: 6 });
    await assert.rejects(addon.connectionGetUri(connection, 0), { kind: 'libvirt', number: 6 });
  });
});
