import assert from 'node:assert/strict';
import { connect } from '../../../src/libvirt/index.js';
import { FakeDaemon } from '../fake-daemon.js';
import { until } from '../support.js';

describe('A connection that the daemon drops', () => {
  let daemon: FakeDaemon;
  beforeEach(async () => {
    daemon = await FakeDaemon.start();
  });
  afterEach(() => daemon.stop());

  it('tells its listeners, and is closed without a leak', async () => {
    const connection = await connect(daemon.uri);
    const reason = new Promise((resolve) => connection.onClose(resolve));
    daemon.hangUp();
    assert.ok(['eof', 'error'].includes(String(await reason)));
    assert.equal(connection.closed, false);
    await assert.rejects(connection.getLibraryVersion(), { name: 'LibvirtError' });
    await connection.close();
  });

  it('fails the calls in flight', async () => {
    const connection = await connect(daemon.uri);
    const calls = [connection.getCapabilities(), connection.getCapabilities()];
    const settled = Promise.allSettled(calls);
    await until('the daemon has got the calls', () => daemon.hanging.length > 0);
    daemon.hangUp();
    for (const result of await settled) assert.equal(result.status, 'rejected');
    await connection.close();
  });

  it('fails a subscription that is being made', async () => {
    const connection = await connect(daemon.uri);
    const subscribing = connection.onDomainLifecycle(() => undefined);
    const rejected = assert.rejects(subscribing, { name: 'LibvirtError' });
    await until('the daemon has got the call', () => daemon.hanging.length > 0);
    daemon.hangUp();
    await rejected;
    await connection.close();
  });

  it('lets go of its subscriptions', async () => {
    daemon.answer('subscribe');
    const connection = await connect(daemon.uri);
    const unsubscribe = await connection.onDomainLifecycle(() => undefined);
    await connection.onDomainLifecycle(() => undefined);
    daemon.hangUp();
    await unsubscribe();
    await connection.close();
  });

  it('while it is being opened is an error', async () => {
    const deaf = await FakeDaemon.start({ deaf: true });
    const rejected = assert.rejects(connect(deaf.uri), { name: 'LibvirtError' });
    await until('the daemon has got the connection', () => deaf.connections > 0);
    deaf.hangUp();
    await rejected;
    await deaf.stop();
  });
});
