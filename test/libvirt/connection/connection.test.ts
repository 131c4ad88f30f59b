import assert from 'node:assert/strict';
import { connect, libraryVersion, isLibvirtError } from '../../../src/libvirt/index.js';
import { FakeDaemon } from '../fake-daemon.js';
import { domainXml, testUri, withConnection, withDomain } from '../support.js';

describe('A connection', () => {
  it('tells its URI, driver and versions', () =>
    withConnection(async (connection) => {
      assert.equal(await connection.getUri(), testUri);
      assert.equal(await connection.getType(), 'TEST');
      assert.equal(await connection.getVersion(), 2);
      assert.equal(await connection.getLibraryVersion(), await libraryVersion());
    }));

  it('tells the capabilities of the host as XML', () =>
    withConnection(async (connection) => {
      assert.match(await connection.getCapabilities(), /^<capabilities>/);
    }));

  it('opens what libvirt chooses when no URI is given', async () => {
    process.env.LIBVIRT_DEFAULT_URI = testUri;
    try {
      const connection = await connect();
      assert.equal(await connection.getUri(), testUri);
      await connection.close();
    } finally {
      delete process.env.LIBVIRT_DEFAULT_URI;
    }
  });

  it('refuses to change anything when it is read-only', async () => {
    const connection = await connect(testUri, { readOnly: true });
    await assert.rejects(connection.defineDomain(domainXml('refused')), { code: 'VIR_ERR_OPERATION_DENIED' });
    await connection.close();
  });

  it('tells domain capabilities, or that the driver has none', () =>
    withConnection(async (connection) => {
      const options = { arch: 'x86_64', virtType: 'test' };
      const answer: unknown = await connection
        .getDomainCapabilities(options)
        .catch((error: unknown) => error);
      // 9.0's test driver has none, 11.3's does.
      if (typeof answer === 'string') assert.match(answer, /<domainCapabilities>/);
      else {
        assert.ok(isLibvirtError(answer, 'VIR_ERR_NO_SUPPORT'));
        assert.equal(answer.api, 'virConnectGetDomainCapabilities');
      }
    }));

  it('finds a domain by name and by UUID', () =>
    withDomain(async (domain, connection) => {
      assert.equal((await connection.lookupDomainByName(domain.name)).uuid, domain.uuid);
      assert.equal((await connection.lookupDomainByUuid(domain.uuid)).name, domain.name);
    }));

  it('lists all domains, or those that run, or those that do not', () =>
    withDomain(async (domain, connection) => {
      const names = async (options?: { active: boolean }) =>
        (await connection.listAllDomains(options)).map((listed) => listed.name).sort();
      assert.deepEqual(await names(), [domain.name, 'test'].sort());
      assert.deepEqual(await names({ active: true }), ['test']);
      assert.deepEqual(await names({ active: false }), [domain.name]);
    }));

  it('validates a definition against the schema unless told otherwise', () =>
    withConnection(async (connection) => {
      const xml = domainXml('odd').replace('<os>', '<nonsense/><os>');
      await assert.rejects(connection.defineDomain(xml), { code: 'VIR_ERR_XML_INVALID_SCHEMA' });
      const domain = await connection.defineDomain(xml, { validate: false });
      await domain.undefine();
    }));

  it('starts a transient domain, which is gone when it stops', () =>
    withConnection(async (connection) => {
      const xml = domainXml('passing');
      const domain = await connection.createDomain(xml);
      assert.equal((await domain.getState()).state, 'running');
      assert.equal(await domain.isPersistent(), false);
      await assert.rejects(connection.createDomain(xml), { code: 'VIR_ERR_OPERATION_FAILED' });
      await domain.destroy();
      await assert.rejects(connection.lookupDomainByName('passing'), { code: 'VIR_ERR_NO_DOMAIN' });
    }));

  it('validates it against the schema unless told otherwise', () =>
    withConnection(async (connection) => {
      const xml = domainXml('passing').replace('<os>', '<nonsense/><os>');
      await assert.rejects(connection.createDomain(xml), { code: 'VIR_ERR_XML_INVALID_SCHEMA' });
      const domain = await connection.createDomain(xml, { validate: false });
      await domain.destroy();
    }));

  it('starts a persistent domain of that name and UUID, for once with other XML', () =>
    withDomain(async (domain, connection) => {
      const xml = domainXml(domain.name).replace('<memory>', `<uuid>${domain.uuid}</uuid><memory>`);
      const started = await connection.createDomain(xml.replace('8192', '4096'));
      assert.equal(await started.isPersistent(), true);
      assert.equal((await started.getInfo()).maxMemory, 4096n);
      await started.destroy();
      assert.equal((await domain.getInfo()).maxMemory, 8192n);
    }));

  it('carries text of any script both ways', () =>
    withConnection(async (connection) => {
      const domain = await connection.defineDomain(domainXml('gäst-客-🖥'));
      assert.equal(domain.name, 'gäst-客-🖥');
      assert.equal((await connection.lookupDomainByName('gäst-客-🖥')).uuid, domain.uuid);
      await domain.undefine();
    }));

  it('answers many calls at once, each with its own result', () =>
    withConnection(async (connection) => {
      const answers = await Promise.allSettled(
        Array.from({ length: 200 }, (_, i) => connection.lookupDomainByName(i % 2 ? 'test' : 'absent')),
      );
      answers.forEach(({ status }, i) => {
        assert.equal(status, i % 2 ? 'fulfilled' : 'rejected');
      });
    }));

  it('calls close listeners once with the reason, and not those that were taken off', async () => {
    const connection = await connect(testUri);
    const heard: string[] = [];
    connection.onClose((reason) => heard.push(`first: ${reason}`));
    connection.onClose((reason) => heard.push(`taken off: ${reason}`))();
    await connection.close();
    await connection.close();
    assert.deepEqual(heard, ['first: client']);
  });

  it('tells a close listener that comes late what happened', async () => {
    const connection = await connect(testUri);
    await connection.close();
    assert.equal(await new Promise((resolve) => connection.onClose(resolve)), 'client');
  });

  it('is closed at the end of its scope', async () => {
    const connection = await connect(testUri);
    await connection[Symbol.asyncDispose]();
    assert.equal(connection.closed, true);
  });

  it('does not hold up others when it hangs', async () => {
    const daemon = await FakeDaemon.start({ deaf: true });
    const abort = new AbortController();
    const hung = Array.from({ length: 8 }, () => connect(daemon.uri, { signal: abort.signal }));
    const all = Promise.allSettled(hung);
    await withConnection(async (connection) => {
      assert.equal(await connection.getType(), 'TEST');
    });
    abort.abort();
    await all;
    await daemon.stop();
  });
});
