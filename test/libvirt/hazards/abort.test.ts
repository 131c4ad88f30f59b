import assert from 'node:assert/strict';
import { connect } from '../../../src/libvirt/index.js';
import { FakeDaemon } from '../fake-daemon.js';
import { assertEndedWell, runFixture, testUri, until, withDomain } from '../support.js';

const reason = new Error('enough');

describe('Aborting a call', () => {
  let daemon: FakeDaemon;
  beforeEach(async () => {
    daemon = await FakeDaemon.start();
  });
  afterEach(() => daemon.stop());

  it('rejects before it is made when the signal is aborted already', async () => {
    const signal = AbortSignal.abort(reason);
    await assert.rejects(connect(daemon.uri, { signal }), reason);
    assert.equal(daemon.connections, 0);
  });

  it('rejects at once with the reason while the daemon hangs', async () => {
    const connection = await connect(daemon.uri);
    const abort = new AbortController();
    const call = connection.getCapabilities({ signal: abort.signal });
    await until('the daemon has got the call', () => daemon.hanging.length > 0);
    const start = performance.now();
    abort.abort(reason);
    await assert.rejects(call, reason);
    assert.ok(performance.now() - start < 50);
    // The daemon will never answer the orphan, and yet this does not wait for it.
    await connection.close();
    assert.ok(performance.now() - start < 200);
  });

  it('is possible while the connection is opened', async () => {
    const deaf = await FakeDaemon.start({ deaf: true });
    const signal = AbortSignal.timeout(50);
    await assert.rejects(connect(deaf.uri, { signal }), { name: 'TimeoutError' });
    await deaf.stop();
  });

  it('closes a connection that is opened too late', async () => {
    const signal = AbortSignal.abort(reason);
    const abort = new AbortController();
    const opening = connect(daemon.uri, { signal: abort.signal });
    abort.abort(reason);
    await assert.rejects(opening, reason);
    await assert.rejects(connect(daemon.uri, { signal }), reason);
    await until('the late connection is gone', () => daemon.connections === 0);
  });

  it('ends a subscription that is made too late', () =>
    withDomain(async (domain, connection) => {
      const heard: string[] = [];
      const abort = new AbortController();
      const subscribing = connection.onDomainLifecycle((event) => heard.push(event.event), {
        signal: abort.signal,
      });
      abort.abort(reason);
      await assert.rejects(subscribing, reason);
      await domain.create();
      await domain.destroy();
      assert.deepEqual(heard, []);
    }));

  it('does not change a result that is there', async () => {
    const abort = new AbortController();
    const connection = await connect(testUri, { signal: abort.signal });
    abort.abort(reason);
    assert.equal(await connection.getUri(), testUri);
    await connection.close();
  });

  it('serves any number of calls with one signal', () =>
    withDomain(async (domain) => {
      const warnings: Error[] = [];
      const warn = (warning: Error) => warnings.push(warning);
      process.on('warning', warn);
      const { signal } = new AbortController();
      await Promise.all(Array.from({ length: 50 }, () => domain.getState({ signal })));
      process.off('warning', warn);
      assert.deepEqual(warnings, []);
    }));

  it('of a close leaves it to go on behind', async () => {
    const connection = await connect(daemon.uri);
    const hung = connection.getCapabilities();
    const closing = connection.close({ signal: AbortSignal.timeout(20) });
    await assert.rejects(closing, { name: 'TimeoutError' });
    await connection.close();
    daemon.hangUp();
    await assert.rejects(hung, { code: 'VIR_ERR_SYSTEM_ERROR' });
  });

  it('leaves nothing that keeps the process alive', async () => {
    const ended = await runFixture('aborted-call', [daemon.uri]);
    assert.equal(ended.stdout, 'aborted\n');
    assertEndedWell(ended);
    assert.ok(ended.lingered < 300, `It lingered for ${ended.lingered} ms`);
  });
});
