import assert from 'node:assert/strict';
import { FakeDaemon } from '../fake-daemon.js';
import { runFixture, type Ended } from '../support.js';

const prompt = 300;

function assertEndedPromptly(ended: Ended, how: Partial<Ended>): void {
  assert.deepEqual({ code: ended.code, signal: ended.signal }, { code: null, signal: null, ...how });
  assert.ok(ended.lingered < prompt, `It took ${ended.lingered} ms to end`);
  assert.equal(ended.stderr, '');
}

describe('A process with a call that hangs', () => {
  let deaf: FakeDaemon;
  let daemon: FakeDaemon;
  before(async () => {
    deaf = await FakeDaemon.start({ deaf: true });
    daemon = await FakeDaemon.start();
  });
  after(async () => {
    await deaf.stop();
    await daemon.stop();
  });

  it('ends at once with process.exit while it connects', async () => {
    assertEndedPromptly(await runFixture('hung-call', [deaf.uri, 'exit']), { code: 3 });
  });

  it('ends at once with process.exit while it waits for an answer', async () => {
    assertEndedPromptly(await runFixture('hung-call', [daemon.uri, 'exit']), { code: 3 });
  });

  it('is ended at once by Ctrl-C', async () => {
    const ended = await runFixture('hung-call', [daemon.uri], (_, kill) => {
      kill('SIGINT');
    });
    assertEndedPromptly(ended, { signal: 'SIGINT' });
  });

  it('gets its signals in JavaScript', async () => {
    const ended = await runFixture('hung-call', [deaf.uri, 'handle'], (stdout, kill) => {
      if (stdout.endsWith('hung\n')) kill('SIGINT');
    });
    assertEndedPromptly(ended, { code: 4 });
  });

  it('ends without a crash while many calls are at work', async () => {
    for (let i = 0; i < 5; i++) {
      const { code, signal, stderr } = await runFixture('hung-call', ['test:///default', 'busy']);
      assert.deepEqual({ code, signal, stderr }, { code: 3, signal: null, stderr: '' });
    }
  });
});
