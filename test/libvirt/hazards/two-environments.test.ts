import assert from 'node:assert/strict';
import { FakeDaemon } from '../fake-daemon.js';
import { assertEndedWell, runFixture } from '../support.js';

describe('Two environments with one daemon', () => {
  it('do not end, or close, each other', async () => {
    const daemon = await FakeDaemon.start();
    const ended = await runFixture('two-environments', [daemon.uri]);
    assertEndedWell(ended);
    assert.equal(ended.stdout, 'the worker is gone\nthe main thread has 9000000\n');
    await daemon.stop();
  });
});
