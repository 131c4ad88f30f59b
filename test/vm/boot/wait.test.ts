import assert from 'node:assert/strict';
import { rejectsWithCode } from '../../support/rejects.js';
import { openTestClient, type TestClient } from '../../support/test-host.js';

describe('waiting for a VM', () => {
  let test: TestClient;

  beforeEach(async function () {
    test = await openTestClient(this, [
      { name: 'web' },
      { name: 'halted', state: 'paused' },
      { name: 'off', state: 'shut off' },
    ]);
  });

  it('is over at once when it is as wanted', async () => {
    await test.client.waitFor('web', 'running');
    await test.client.waitFor('off', 'stopped');
  });

  it('ends with the event, and not before', async () => {
    for (const [name, state, act] of [
      ['off', 'running', () => test.client.start('off')],
      ['off', 'stopped', () => test.client.stop('off', { force: true })],
      ['halted', 'running', () => test.client.resume('halted')],
    ] as const) {
      let isOver = false;
      const waiting = test.client.waitFor(name, state).then(() => {
        isOver = true;
      });
      // Other VMs' events, and this one's that lead elsewhere, are none.
      await test.client.pause('web');
      await test.client.resume('web');
      assert.equal(isOver, false, `${name} ${state}`);
      await act();
      await waiting;
    }
  });

  it('ends when the VM is removed: as stopped, or as a failure', async () => {
    const stopped = test.client.waitFor('web', 'stopped');
    const running = rejectsWithCode('VM_REMOVED', () => test.client.waitFor('halted', 'running'));
    const vms = await Promise.all(['web', 'halted'].map((name) => test.client.find(name)));
    for (const vm of vms) await test.client.remove(vm, { force: true });
    await stopped;
    await running;
  });

  it('ends with its time-out, and says what the VM is instead', async () => {
    for (const [name, state, is] of [
      ['web', 'stopped', 'is running'],
      ['halted', 'running', 'is paused'],
      ['halted', 'ssh', 'is paused'],
      ['off', 'ssh', 'is shut off'],
    ] as const) {
      const error = await rejectsWithCode('WAIT_TIMEOUT', () =>
        test.client.waitFor(name, state, { timeout: 20 }),
      );
      assert.match(error.message, new RegExp(`The VM ${name} ${is} after 0\\.02 s of waiting for ${state}`));
      assert.equal(error.failureClass, 'failure');
    }
  });

  it('ends with its signal', async () => {
    const controller = new AbortController();
    const waiting = test.client.waitFor('web', 'stopped', { signal: controller.signal });
    controller.abort(new Error('enough'));
    await assert.rejects(waiting, /enough/);
  });
});
