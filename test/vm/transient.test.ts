import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspectedJson } from '../../src/cli/output/vm-json.js';
import { buildXml } from '../../src/domain/xml.js';
import { inspectVirtualMachine } from '../../src/vm/inspect.js';
import { acquireLock } from '../../src/vm/host/lock.js';
import { recoverAbandoned } from '../../src/vm/disks/recover.js';
import { removeVirtualMachine } from '../../src/vm/change/remove.js';
import { renameVirtualMachine } from '../../src/vm/change/rename.js';
import { checkRunOptions } from '../../src/vm/create/options.js';
import { setVirtualMachine } from '../../src/vm/change/set.js';
import { startTransient, startVirtualMachine } from '../../src/vm/power/start.js';
import { stopVirtualMachine } from '../../src/vm/power/stop.js';
import {
  asVirtualMachine,
  findVirtualMachine,
  listUnfinished,
  listVirtualMachines,
  lookupDomain,
  type VirtualMachine,
} from '../../src/vm/virtual-machine.js';
import { waitForState } from '../../src/vm/boot/wait.js';
import { VmDirectory } from '../../src/vm/files/vm-directory.js';
import { rejectsWithCode } from '../support/rejects.js';
import { assertMatchesSchema } from '../support/schema.js';
import { openTestHost, type TestHost } from '../support/test-host.js';
import { testDomain, uuidFor } from '../support/test-node.js';

describe('a transient VM', () => {
  let test: TestHost;
  let vm: VirtualMachine;

  function xml(): string {
    // The state to begin with is for libvirt's own file only.
    return buildXml(testDomain({ name: 'passing', diskPath: test.disk('passing') })).replace(
      /<test:runstate>.*?<\/test:runstate>/,
      '',
    );
  }

  function isLeft(): boolean {
    return existsSync(test.directory('passing')) || existsSync(test.disk('passing'));
  }

  beforeEach(async function () {
    test = await openTestHost(this, [{ name: 'stays' }]);
    mkdirSync(test.directory('passing'), { recursive: true });
    writeFileSync(test.disk('passing'), 'data');
    await new VmDirectory(test.directory('passing')).writeJournal({
      operation: 'transient',
      uri: test.host.uri,
      name: 'passing',
      image: 'quay.io/test/os:1',
      since: '2026-01-02T03:04:05.000Z',
    });
    const domain = await startTransient(test.host, { name: 'passing', uuid: uuidFor('passing') }, xml());
    const started = await asVirtualMachine(domain);
    assert.ok(started);
    vm = started;
  });

  it('is listed like any other while it runs, is not swept, and says what it is', async () => {
    await recoverAbandoned(test.host);
    assert.ok(existsSync(test.disk('passing')));
    assert.deepEqual((await listVirtualMachines(test.host)).map(({ name, state }) => [name, state]).sort(), [
      ['passing', 'running'],
      ['stays', 'running'],
    ]);
    assert.deepEqual(await listUnfinished(test.host), []);
    const inspected = await Promise.all(
      ['passing', 'stays'].map((name) => inspectVirtualMachine(test.host, name)),
    );
    assert.deepEqual(
      inspected.map(({ transient }) => transient),
      [true, false],
    );
    await assertMatchesSchema('inspect', JSON.stringify(inspected.map(inspectedJson)));
  });

  for (const [how, options] of [
    ['shut down', {}],
    ['forced off', { force: true }],
  ] as const)
    it(`is gone with all that was its when it was ${how}`, async () => {
      assert.equal(await stopVirtualMachine(test.host, vm, options), how);
      assert.ok(!isLeft());
      await rejectsWithCode('VM_NOT_FOUND', () => findVirtualMachine(test.host, 'passing'));
      assert.match(test.said.join('\n'), /The transient VM passing has ended: removing it/);
      assert.ok(existsSync(test.disk('stays')));
    });

  it('is gone when somebody else has ended it, and the next command removes what is left', async () => {
    await vm.domain.destroy();
    assert.ok(isLeft());
    assert.deepEqual(await listUnfinished(test.host), [], 'it is not half made');
    await recoverAbandoned(test.host);
    assert.ok(!isLeft());
  });

  it('is "creating" while its lock is held and there is no domain yet', async () => {
    await vm.domain.destroy();
    await using _lock = await acquireLock(test.host, vm.uuid, { what: 'it' });
    const [making] = await listUnfinished(test.host);
    assert.deepEqual([making?.name, making?.state], ['passing', 'creating']);
    await recoverAbandoned(test.host);
    assert.ok(isLeft());
  });

  it('is removed by force like any other, also when it ended just before', async () => {
    await rejectsWithCode('VM_RUNNING', () => removeVirtualMachine(test.host, vm));
    await vm.domain.destroy();
    await removeVirtualMachine(test.host, vm, { force: true });
    assert.ok(!isLeft());
  });

  it('has stopped for whoever waits for that when it is gone', async () => {
    const waiting = waitForState(test.host, vm, 'stopped');
    await vm.domain.destroy();
    await waiting;
    await waitForState(test.host, vm, 'stopped');
    await rejectsWithCode('VM_REMOVED', () => waitForState(test.host, vm, 'ssh'));
  });

  it('runs already for whoever starts it', async () => {
    assert.equal((await startVirtualMachine(test.host, vm)).started, false);
  });

  it('cannot be changed or renamed, in a sentence', async () => {
    for (const attempt of [
      () => setVirtualMachine(test.host, vm, { labels: { a: 'b' } }),
      () => renameVirtualMachine(test.host, vm, 'other'),
    ]) {
      const error = await rejectsWithCode('VM_TRANSIENT', attempt);
      assert.match(error.message, /^The VM passing is transient: /);
    }
    assert.equal((await lookupDomain(test.host, { uuid: vm.uuid }))?.name, 'passing');
  });

  it('stays when somebody has defined it with virsh', async () => {
    await test.host.connection.defineDomain(await vm.domain.getXml());
    await recoverAbandoned(test.host);
    assert.ok(!existsSync(join(test.directory('passing'), 'journal.json')));
    await stopVirtualMachine(test.host, vm, { force: true });
    await recoverAbandoned(test.host);
    assert.ok(existsSync(test.disk('passing')));
    assert.equal((await vm.domain.getState()).state, 'shut off');
  });

  it('that libvirt cannot start fails as others do', async () => {
    const error = await rejectsWithCode('START_FAILED', () =>
      startTransient(
        test.host,
        { name: 'stays', uuid: uuidFor('another') },
        xml().replace('passing', 'stays').replace(uuidFor('passing'), uuidFor('another')),
      ),
    );
    assert.match(error.message, /libvirt could not start stays/);
  });

  it('is not made without being booted', async () => {
    await rejectsWithCode('OPTIONS_CONFLICT', () => checkRunOptions({ transient: true, mustBeNew: true }));
  });
});
