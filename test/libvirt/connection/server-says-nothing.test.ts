import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { connect, isLibvirtError } from '../../../src/libvirt/index.js';
import { FakeDaemon } from '../fake-daemon.js';
import { testUri, until, withConnection } from '../support.js';

/** Linux alone lists threads. */
const threads = () => (process.platform === 'linux' ? readdirSync('/proc/self/task').length : 0);

const busy = { name: 'LibvirtError', code: 'VIR_ERR_RESOURCE_BUSY' };

/** Well below the time-outs, and above what a loaded machine needs. */
const prompt = 5000;

async function assertOthersAreServed(): Promise<void> {
  const start = performance.now();
  await withConnection(async (connection) => {
    assert.equal(await connection.getType(), 'TEST');
  });
  assert.ok(performance.now() - start < prompt, 'another server waited');
}

/** The daemon sees a connection go before the threads of the calls on it have ended. */
async function whenNotBusy<T>(start: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    try {
      return await start();
    } catch (error) {
      if (!isLibvirtError(error, busy.code) || Date.now() > deadline) throw error;
      await sleep(5);
    }
  }
}

describe('A server that accepts and says nothing', () => {
  let deaf: FakeDaemon;
  beforeEach(async () => {
    deaf = await FakeDaemon.start({ deaf: true });
  });
  afterEach(() => deaf.stop());

  it('costs a bounded number of threads and no other server a wait, when 70 connections to it are given up', async () => {
    const before = threads();
    const abort = new AbortController();
    const opening = Promise.allSettled(
      Array.from({ length: 70 }, () => connect(deaf.uri, { signal: abort.signal })),
    );
    await until('as many as there may be are waiting', () => deaf.connections === 16);
    // While nobody has given them up, too.
    await assertOthersAreServed();
    abort.abort();
    await opening;
    for (let i = 0; i < 20; i++) await assertOthersAreServed();
    assert.equal(deaf.accepted, 16);
    assert.ok(threads() <= before + 16 + 4 + 2, `${threads()} threads after ${before}`);
  });

  it('is not asked again while 16 connections to it that were given up still wait', async () => {
    const abort = new AbortController();
    const opening = Promise.allSettled(
      Array.from({ length: 16 }, () => connect(deaf.uri, { signal: abort.signal })),
    );
    await until('all wait', () => deaf.connections === 16);
    abort.abort();
    await opening;
    const message =
      `libvirt at ${deaf.uri} has not answered 16 calls that were given up; ` +
      'there can be another one when one of them has ended';
    await assert.rejects(connect(deaf.uri), { ...busy, message });
    deaf.hangUp();
    await until('one has ended', () => deaf.connections === 0);
    const again = new AbortController();
    const another = connect(deaf.uri, { signal: again.signal });
    await Promise.race([another, until('it is asked again', () => deaf.connections === 1)]);
    again.abort();
    await assert.rejects(another, { name: 'AbortError' });
  });

  it('costs a bounded number of threads also when each connection is given up by itself', async () => {
    const before = threads();
    const opening = Array.from({ length: 70 }, (_, i) => connect(deaf.uri, { timeout: 1000 + 20 * i }));
    await Promise.allSettled(opening);
    assert.ok(deaf.accepted <= 32, `${deaf.accepted} connections`);
    assert.ok(threads() <= before + 32 + 4 + 2, `${threads()} threads after ${before}`);
    await assertOthersAreServed();
  });

  it('is given up after the time-out of connect', async () => {
    await assert.rejects(connect(deaf.uri, { timeout: 50 }), {
      name: 'LibvirtError',
      code: 'VIR_ERR_OPERATION_TIMEOUT',
      message: `libvirt at ${deaf.uri} does not answer: there is no connection after 0.05 s`,
    });
  });

  it('is given up by a worker that exits', async () => {
    const index = new URL('../../../src/libvirt/index.js', import.meta.url).href;
    const worker = new Worker(
      `import(${JSON.stringify(index)}).then(({ connect }) => {
        for (let i = 0; i < 20; i++) void connect(${JSON.stringify(deaf.uri)});
      });`,
      { eval: true },
    );
    await until('as many as there may be are waiting', () => deaf.connections === 16);
    await worker.terminate();
    await assert.rejects(connect(deaf.uri), busy);
    await assertOthersAreServed();
  });
});

describe('A server that stops answering', () => {
  it('does not take the threads of other servers, nor of its own calls after some were given up', async () => {
    const daemon = await FakeDaemon.start();
    const connection = await connect(daemon.uri);
    const abort = new AbortController();
    const hung = Promise.allSettled(
      Array.from({ length: 63 }, () => connection.getCapabilities({ signal: abort.signal })),
    );
    await until('all wait', () => daemon.hanging.length === 63);
    await assertOthersAreServed();
    abort.abort();
    await hung;
    // Were they counted, there would be room for one.
    const others = Array.from({ length: 2 }, () => connection.getCapabilities());
    await until('they are made', () => daemon.hanging.length === 65);
    assert.equal(await connection.getLibraryVersion(), 9_000_000);
    daemon.hangUp();
    await Promise.allSettled(others);
    await connection.close();
    await daemon.stop();
  });

  it('gets no call that was given up before it began, and none while 64 that were given up still wait', async () => {
    const daemon = await FakeDaemon.start();
    const connection = await connect(daemon.uri);
    const abort = new AbortController();
    const hung = Promise.allSettled(
      Array.from({ length: 70 }, () => connection.getCapabilities({ signal: abort.signal })),
    );
    await until('as many as there may be wait', () => daemon.hanging.length === 64);
    abort.abort();
    await hung;
    await assert.rejects(connection.getLibraryVersion(), busy);
    await assertOthersAreServed();
    // It lets go, so it is never refused.
    await connection.close();
    assert.equal(daemon.hanging.length, 64);
    daemon.hangUp();
    await until('the connection is gone', () => daemon.connections === 0);
    const again = await connect(daemon.uri);
    assert.equal(await whenNotBusy(() => again.getLibraryVersion()), 9_000_000);
    await again.close();
    await daemon.stop();
  });
});

describe('The time-out of connect', () => {
  it('is a whole number of milliseconds that a timer takes', async () => {
    for (const timeout of [0, -1, 0.5, NaN, Infinity, 2 ** 31, '5' as unknown as number])
      await assert.rejects(connect(testUri, { timeout }), {
        name: 'TypeError',
        message:
          /^Expected `timeout` to be a number of milliseconds from 1 to 2147483647, or undefined, got /,
      });
  });
});
