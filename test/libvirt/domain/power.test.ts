import assert from 'node:assert/strict';
import { connect } from '../../../src/libvirt/index.js';
import { testUri, withDomain } from '../support.js';

describe('What runs a domain', () => {
  it('suspends and resumes it', () =>
    withDomain(async (domain) => {
      await domain.create();
      await domain.suspend();
      assert.deepEqual(await domain.getState(), { state: 'paused', reason: 'user', reasonNumber: 1 });
      await domain.resume();
      assert.deepEqual(await domain.getState(), { state: 'running', reason: 'unpaused', reasonNumber: 5 });
    }));

  it('reboots and resets it', () =>
    withDomain(async (domain) => {
      await domain.create();
      await domain.reboot();
      await domain.reboot({ mode: 'acpi' });
      await domain.reset();
      assert.equal((await domain.getState()).state, 'running');
    }));

  it('saves its memory, which the next start takes up or which is thrown away', () =>
    withDomain(async (domain) => {
      await domain.create();
      assert.equal(await domain.hasManagedSave(), false);
      await domain.managedSave({ running: true });
      assert.deepEqual(await domain.getState(), { state: 'shut off', reason: 'saved', reasonNumber: 5 });
      assert.equal(await domain.hasManagedSave(), true);
      await domain.create();
      assert.equal((await domain.getState()).state, 'running');
      await domain.managedSave();
      await domain.removeManagedSave();
      assert.equal(await domain.hasManagedSave(), false);
    }));

  it('renames it while it does not run', () =>
    withDomain(async (domain, connection) => {
      const before = domain.name;
      await domain.create();
      await assert.rejects(domain.rename('busy'), { code: 'VIR_ERR_OPERATION_INVALID' });
      assert.equal(domain.name, before);
      await domain.destroy();
      await domain.rename('renamed');
      assert.equal(domain.name, 'renamed');
      assert.equal((await connection.lookupDomainByName('renamed')).uuid, domain.uuid);
      await domain.rename(before);
    }));

  it('starts it with the host or not', () =>
    withDomain(async (domain) => {
      assert.equal(await domain.getAutostart(), false);
      await domain.setAutostart(true);
      assert.equal(await domain.getAutostart(), true);
      await domain.setAutostart(false);
      assert.equal(await domain.getAutostart(), false);
    }));

  it('presses keys', () =>
    withDomain(async (domain) => {
      await domain.create();
      await domain.sendKey([29, 56, 111], { codeSet: 'linux', holdTime: 10 });
      await domain.sendKey([0x1e], { codeSet: 'xt' });
    }));

  it('has messages for people, here none', () =>
    withDomain(async (domain) => {
      assert.deepEqual(await domain.getMessages(), []);
      assert.deepEqual(await domain.getMessages({ taints: true, deprecations: true }), []);
    }));

  it('is refused on a connection that only reads', () =>
    withDomain(async (domain) => {
      await using connection = await connect(testUri, { readOnly: true });
      const reader = await connection.lookupDomainByName(domain.name);
      const writes = [
        reader.suspend(),
        reader.reboot(),
        reader.rename('other'),
        reader.setMemory(1024),
        reader.setVcpus(1),
        reader.setAutostart(true),
        reader.sendKey([1]),
        reader.managedSave(),
        reader.attachDevice('<disk/>'),
        reader.resizeBlock('vda', 4096),
        reader.blockCommit('vda'),
        reader.createSnapshot(),
        reader.agentCommand({ execute: 'guest-ping' }),
      ];
      await Promise.all(writes.map((each) => assert.rejects(each, { code: 'VIR_ERR_OPERATION_DENIED' })));
      assert.equal(reader.name, domain.name);
      assert.equal(await reader.getAutostart(), false);
    }));
});
