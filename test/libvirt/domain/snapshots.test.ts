import assert from 'node:assert/strict';
import { withDomain } from '../support.js';

const xml = (name: string) => `<domainsnapshot><name>${name}</name></domainsnapshot>`;

describe('A snapshot', () => {
  it('is made, found, and deleted', () =>
    withDomain(async (domain) => {
      assert.equal(await domain.getCurrentSnapshot(), null);
      await domain.createSnapshot(xml('one'));
      const two = await domain.createSnapshot(xml('two'));
      assert.equal(two.name, 'two');
      const names = async (options = {}) => (await domain.listSnapshots(options)).map(({ name }) => name);
      assert.deepEqual(await names({ topological: true }), ['one', 'two']);
      assert.deepEqual(await names({ roots: true }), ['one']);
      assert.deepEqual(await names({ leaves: true }), ['two']);
      assert.equal((await domain.getCurrentSnapshot())?.name, 'two');
      assert.match(await two.getXml(), /<parent>\s*<name>one<\/name>/);
      await (await domain.lookupSnapshot('one')).delete({ children: true });
      assert.deepEqual(await names(), []);
      await assert.rejects(two.getXml(), { code: 'VIR_ERR_NO_DOMAIN_SNAPSHOT' });
      await assert.rejects(domain.lookupSnapshot('one'), { code: 'VIR_ERR_NO_DOMAIN_SNAPSHOT' });
    }));

  it('takes the domain back to what it was', () =>
    withDomain(async (domain) => {
      await domain.create();
      const snapshot = await domain.createSnapshot();
      await domain.destroy();
      await snapshot.revert({ paused: true });
      assert.deepEqual(await domain.getState(), {
        state: 'paused',
        reason: 'from-snapshot',
        reasonNumber: 7,
      });
      await snapshot.delete();
    }));

  it('tells why it cannot be reverted to', () =>
    withDomain(async (domain) => {
      const snapshot = await domain.createSnapshot();
      await assert.rejects(snapshot.revert({ running: true, paused: true }), {
        code: 'VIR_ERR_INVALID_ARG',
        message: /mutually exclusive/,
      });
      await snapshot.delete();
    }));

  it('is refused when its XML is not one', () =>
    withDomain(async (domain) => {
      await assert.rejects(domain.createSnapshot('<domain/>'), { code: /^VIR_ERR_XML/ });
      await assert.rejects(domain.createSnapshot('<'), { code: /^VIR_ERR_XML/ });
    }));

  it('is refused after it, its domain or its connection was closed', () =>
    withDomain(async (domain, connection) => {
      await domain.createSnapshot(xml('one'));
      const snapshot = await domain.lookupSnapshot('one');
      await snapshot[Symbol.asyncDispose]();
      await assert.rejects(snapshot.revert(), { code: 'VIR_ERR_INVALID_DOMAIN_SNAPSHOT' });
      const other = await connection.lookupDomainByName(domain.name);
      const otherSnapshot = await other.lookupSnapshot('one');
      await other.close();
      await assert.rejects(otherSnapshot.delete(), { code: 'VIR_ERR_INVALID_DOMAIN' });
      await (await domain.lookupSnapshot('one')).delete();
    }));
});
