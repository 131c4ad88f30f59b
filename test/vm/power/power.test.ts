import assert from 'node:assert/strict';
import type { PodmanBootc } from '../../../src/vm/client.js';
import { rejectsWithCode } from '../../support/rejects.js';
import { openTestClient, type TestClient } from '../../support/test-host.js';

describe('the power of a VM', () => {
  let test: TestClient;
  let client: PodmanBootc;

  async function stateOf(name: string): Promise<string | undefined> {
    return (await client.list()).find((vm) => vm.name === name)?.state;
  }

  beforeEach(async function () {
    test = await openTestClient(this, [
      { name: 'web' },
      { name: 'halted', state: 'paused' },
      { name: 'off', state: 'shut off' },
    ]);
    client = test.client;
  });

  it('is cut off at once by force, without a word about time-outs', async () => {
    assert.equal(await client.stop('web', { force: true }), 'forced off');
    assert.equal(await stateOf('web'), 'shut off');
    assert.deepEqual(test.said, []);
    assert.equal(await client.stop('web', { force: true }), 'not running');
  });

  it('is given to the guest to switch off, also when it was paused', async () => {
    for (const name of ['web', 'halted']) {
      assert.equal(await client.stop(name), 'shut down');
      assert.equal(await stateOf(name), 'shut off');
    }
  });

  it('is not taken from one of which two digits of its ID are given', async () => {
    const { id } = await client.find('web');
    for (const end of [
      () => client.stop(id.slice(0, 2)),
      () => client.remove(id.slice(0, 2), { force: true }),
    ])
      await rejectsWithCode('ID_TOO_SHORT', end);
    assert.equal(await stateOf('web'), 'running');
    assert.equal(await client.stop(id.slice(0, 3)), 'shut down');
  });

  it('is cut off when the guest had no time at all', async () => {
    assert.equal(await client.stop('web', { timeout: 0 }), 'forced off');
    assert.match(test.said.join(), /did not shut down within 0 s/);
  });

  it('goes off and on by restart, whatever it was', async () => {
    for (const name of ['web', 'halted', 'off']) {
      const before = (await client.find(name)).domain.id;
      assert.equal((await client.restart(name)).name, name);
      assert.equal(await stateOf(name), 'running');
      assert.notEqual((await client.find(name)).domain.id, before, 'it is another run');
    }
  });

  it('is paused and resumed, and says when there was nothing to do', async () => {
    assert.equal(await client.pause('web'), true);
    assert.equal(await stateOf('web'), 'paused');
    assert.equal(await client.pause('web'), false);
    assert.equal(await client.resume('web'), true);
    assert.equal(await stateOf('web'), 'running');
    assert.equal(await client.resume('web'), false);
  });

  it('cannot be paused or resumed when it is off, and then says how to start it', async () => {
    for (const attempt of [() => client.pause('off'), () => client.resume('off')]) {
      const error = await rejectsWithCode('VM_NOT_RUNNING', attempt);
      assert.match(error.remedy ?? '', /podman-bootc start/);
    }
  });

  it('is not on for a paused VM: starting it says that it is paused, and how it goes on', async () => {
    const error = await rejectsWithCode('VM_PAUSED', () => client.start('halted'));
    assert.match(error.remedy ?? '', /podman-bootc resume/);
    assert.equal(await stateOf('halted'), 'paused');
  });
});
