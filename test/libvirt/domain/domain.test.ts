import assert from 'node:assert/strict';
import { domainXml, withConnection, withDomain } from '../support.js';

const uri = 'urn:example:test';

describe('A domain', () => {
  it('knows its name, UUID and number without a call', () =>
    withConnection(async (connection) => {
      const domain = await connection.lookupDomainByName('test');
      assert.equal(domain.name, 'test');
      assert.match(domain.uuid, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
      assert.ok(domain.id !== null && domain.id > 0);
    }));

  it('has no number while it does not run', () =>
    withDomain(async (domain) => {
      assert.equal(domain.id, null);
      assert.equal(await domain.isActive(), false);
    }));

  it('is started, destroyed and undefined', () =>
    withDomain(async (domain, connection) => {
      assert.deepEqual(await domain.getState(), { state: 'shut off', reason: 'unknown', reasonNumber: 0 });
      await domain.create();
      assert.deepEqual(await domain.getState(), { state: 'running', reason: 'booted', reasonNumber: 1 });
      assert.equal(await domain.isActive(), true);
      assert.equal(await domain.isPersistent(), true);
      await domain.destroy();
      assert.deepEqual(await domain.getState(), {
        state: 'shut off',
        reason: 'destroyed',
        reasonNumber: 2,
      });
      await domain.undefine();
      await assert.rejects(connection.lookupDomainByName(domain.name), { code: 'VIR_ERR_NO_DOMAIN' });
    }));

  it('is asked to shut down', () =>
    withDomain(async (domain) => {
      await domain.create();
      await domain.shutdown();
      assert.equal((await domain.getState()).state, 'shut off');
    }));

  it('passes on exactly the flags it is asked for', () =>
    withDomain(async (domain) => {
      // The test driver refuses what it does not know, and names the number.
      const refused = (flags: string) => ({ message: new RegExp(`unsupported flags \\(${flags}\\)`) });
      await assert.rejects(domain.create({ paused: true }), refused('0x1'));
      await domain.create();
      await assert.rejects(domain.shutdown({ mode: 'acpi' }), refused('0x1'));
      await assert.rejects(domain.shutdown({ mode: 'agent' }), refused('0x2'));
      await domain.destroy({ graceful: true });
      await assert.rejects(domain.undefine({ nvram: true, tpm: true }), refused('0x24'));
      await assert.rejects(domain.undefine({ keepNvram: true, keepTpm: true }), refused('0x48'));
      await assert.rejects(domain.undefine({ checkpointsMetadata: true }), refused('0x10'));
      await domain.undefine({ managedSave: true, snapshotsMetadata: true, nvram: false });
    }));

  it('tells what it uses in units that do not overflow', () =>
    withDomain(async (domain) => {
      await domain.create();
      const info = await domain.getInfo();
      assert.equal(info.state, 'running');
      assert.equal(info.maxMemory, 8192n);
      assert.equal(info.memory, 8192n);
      assert.equal(info.vcpus, 1);
      assert.equal(typeof info.cpuTime, 'bigint');
    }));

  it('gives its definition as XML, of the running domain or the persistent one', () =>
    withDomain(async (domain) => {
      await domain.create();
      assert.match(await domain.getXml(), /<domain type='test' id='\d+'/);
      assert.match(await domain.getXml({ inactive: true, secure: true }), /<domain type='test'>/);
    }));

  it('keeps metadata of a namespace, replaces and removes it', () =>
    withDomain(async (domain) => {
      assert.equal(await domain.getMetadata(uri), null);
      await domain.setMetadata('<a>one</a>', { key: 'x', uri, config: true });
      assert.equal(await domain.getMetadata(uri), '<a>one</a>');
      assert.match(await domain.getXml(), /<x:a xmlns:x="urn:example:test">one<\/x:a>/);
      await domain.setMetadata('<a>two</a>', { key: 'x', uri });
      assert.equal(await domain.getMetadata(uri, { config: true }), '<a>two</a>');
      await domain.setMetadata(null, { key: 'x', uri });
      assert.equal(await domain.getMetadata(uri), null);
    }));

  it('has metadata for its running and for its persistent definition', () =>
    withDomain(async (domain) => {
      await domain.create();
      await domain.setMetadata('<a/>', { key: 'x', uri, live: true });
      assert.equal(await domain.getMetadata(uri, { live: true }), '<a/>');
      assert.equal(await domain.getMetadata(uri, { config: true }), null);
    }));

  it('reports other failures of metadata as errors', () =>
    withDomain(async (domain) => {
      await assert.rejects(domain.getMetadata(uri, { live: true }), { code: 'VIR_ERR_OPERATION_INVALID' });
    }));

  it('is redefined under the same UUID', () =>
    withDomain(async (domain, connection) => {
      const xml = domainXml(domain.name).replace('<memory>', `<uuid>${domain.uuid}</uuid><memory>`);
      const again = await connection.defineDomain(xml.replace('8192', '4096'));
      assert.equal(again.uuid, domain.uuid);
      assert.equal((await domain.getInfo()).maxMemory, 4096n);
    }));

  it('is not touched by closing the reference to it', () =>
    withDomain(async (domain, connection) => {
      const other = await connection.lookupDomainByName(domain.name);
      await other[Symbol.asyncDispose]();
      await domain.create();
      assert.equal(await domain.isActive(), true);
    }));
});
