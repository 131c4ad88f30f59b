import assert from 'node:assert/strict';
import { findVirtualMachine, listVirtualMachines } from '../../src/vm/virtual-machine.js';
import { idOf } from '../../src/vm/identity.js';
import { rejectsWithCode } from '../support/rejects.js';
import { openTestHost, type TestHost } from '../support/test-host.js';
import { uuidFor } from '../support/test-node.js';

describe('finding VMs', () => {
  let test: TestHost;

  before(async function () {
    test = await openTestHost(this, [
      { name: 'web' },
      { name: 'db', state: 'shut off' },
      { name: 'one', uuid: 'abcdef01-0000-4000-8000-000000000001' },
      { name: 'two', uuid: 'abcdef02-0000-4000-8000-000000000002' },
      // Its name is the beginning of another's ID.
      { name: 'abcdef01' },
      { name: 'foreign', ours: false },
    ]);
  });

  it('lists ours with their states, and no others', async () => {
    const vms = await listVirtualMachines(test.host);
    assert.deepEqual(vms.map((vm) => [vm.name, vm.state]).sort(), [
      ['abcdef01', 'running'],
      ['db', 'shut off'],
      ['one', 'running'],
      ['two', 'running'],
      ['web', 'running'],
    ]);
  });

  it('finds one by its name or by the beginning of its ID', async () => {
    const id = idOf(uuidFor('web'));
    for (const word of ['web', id, id.slice(0, 6), uuidFor('web'), id.toUpperCase()]) {
      assert.equal((await findVirtualMachine(test.host, word)).name, 'web', word);
    }
  });

  it('takes a name before an ID', async () => {
    assert.equal((await findVirtualMachine(test.host, 'abcdef01')).name, 'abcdef01');
  });

  it('lists the candidates of an ambiguous ID', async () => {
    const error = await rejectsWithCode('VM_AMBIGUOUS', () => findVirtualMachine(test.host, 'abcdef'));
    assert.match(error.message, /abcdef010000 \(one\), abcdef020000 \(two\)/);
  });

  it('wants three digits of an ID for what ends a VM, and any name', async () => {
    for (const word of ['a', 'AB', '-a-b']) {
      const found = findVirtualMachine(test.host, word, { digits: 3 });
      if (word === '-a-b') await rejectsWithCode('VM_NOT_FOUND', () => found);
      else {
        const error = await rejectsWithCode('ID_TOO_SHORT', () => found);
        assert.match(error.message, /^Expected at least 3 digits of an ID .*, got/);
      }
    }
    assert.equal((await findVirtualMachine(test.host, 'db', { digits: 3 })).name, 'db');
    assert.equal(
      (await findVirtualMachine(test.host, idOf(uuidFor('web')).slice(0, 3), { digits: 3 })).name,
      'web',
    );
    await rejectsWithCode('VM_NOT_FOUND', () => findVirtualMachine(test.host, 'zz', { digits: 3 }));
  });

  it('does not guess: part of a name, a wildcard, an image', async () => {
    for (const word of ['we', 'web*', 'WEB', 'quay.io/test/os:1', '', '\u0000', '../web', '0'.repeat(300)]) {
      await rejectsWithCode('VM_NOT_FOUND', () => findVirtualMachine(test.host, word));
    }
  });

  it("says that a domain is somebody else's", async () => {
    await rejectsWithCode('VM_FOREIGN', () => findVirtualMachine(test.host, 'foreign'));
  });
});
