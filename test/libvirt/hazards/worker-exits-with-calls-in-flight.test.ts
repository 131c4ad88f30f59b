import assert from 'node:assert/strict';
import { FakeDaemon } from '../fake-daemon.js';
import { assertEndedWell, runFixture, until } from '../support.js';

describe('A worker that exits', () => {
  let daemon: FakeDaemon;
  beforeEach(async () => {
    daemon = await FakeDaemon.start();
  });
  afterEach(() => daemon.stop());

  for (const [what, task] of [
    ['a call that hangs', 'hung'],
    ['subscriptions', 'subscribed'],
    ['many calls in flight', 'busy'],
    ['connections nobody closed', 'idle'],
  ] as const)
    for (const [how, end] of [
      ['by itself', 'exit'],
      ['because it is terminated', 'terminate'],
    ] as const)
      it(`with ${what}, ${how}, does not harm the process`, async () => {
        const ended = await runFixture('workers', [daemon.uri, task, end]);
        assertEndedWell(ended);
        assert.equal(ended.stdout, 'the main thread still has libvirt\n');
      });

  it('closes the connections it leaves', async () => {
    await runFixture('workers', [daemon.uri, 'idle', 'exit', 'linger'], (stdout, kill) => {
      if (stdout === 'the main thread still has libvirt\n')
        void until('the daemon has no connection', () => daemon.connections === 0).finally(() => {
          kill('SIGTERM');
        });
    }).then(({ signal }) => {
      assert.equal(signal, 'SIGTERM');
    });
    assert.equal(daemon.connections, 0);
    assert.ok(daemon.accepted >= 4);
  });
});
