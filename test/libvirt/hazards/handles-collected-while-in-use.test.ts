import assert from 'node:assert/strict';
import { FakeDaemon } from '../fake-daemon.js';
import { assertEndedWell, runFixture } from '../support.js';

describe('A handle that is garbage-collected', () => {
  it('serves the calls that are in flight', async () => {
    const ended = await runFixture('collected', ['calls']);
    assertEndedWell(ended);
    assert.equal(ended.stdout, '400 answers\n');
  });

  it('of a pool, a volume or a network serves the calls that are in flight', async () => {
    const ended = await runFixture('collected', ['objects']);
    assertEndedWell(ended);
    assert.equal(ended.stdout, '240 answers\n');
  });

  it('of a connection leaves its domains at work', async () => {
    const ended = await runFixture('collected', ['domains']);
    assertEndedWell(ended);
    assert.equal(ended.stdout, 'still running\n');
  });

  it('of a connection closes it when nothing refers to it any more', async () => {
    const daemon = await FakeDaemon.start();
    const ended = await runFixture('collected', ['forgotten', daemon.uri]);
    assertEndedWell(ended);
    assert.equal(ended.stdout, 'all closed\n');
    await daemon.stop();
  });

  it('is not one of a connection that somebody listens to', async () => {
    const ended = await runFixture('collected', ['subscription']);
    assertEndedWell(ended);
    assert.equal(ended.stdout, 'stopped\n');
  });
});
