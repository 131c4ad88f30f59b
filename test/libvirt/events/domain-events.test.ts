import assert from 'node:assert/strict';
import { loadAddon } from '../../../src/libvirt/load.js';
import { domainEvent } from '../../../src/libvirt/events/domain-event.js';
import { connect, type Connection, type DomainEvent, type LostEvents } from '../../../src/libvirt/index.js';
import { FakeDaemon } from '../fake-daemon.js';
import { assertEndedWell, runFixture, testUri, until, withConnection, withDomain } from '../support.js';

const kind = (event: DomainEvent | LostEvents) =>
  event.type === 'lifecycle' ? `${event.event} ${event.detail}` : event.type;

describe('The iterator of events', () => {
  it('gives what happens, from the moment it is ready', () =>
    withDomain(async (domain, connection) => {
      const events = connection.domainEvents();
      await events.ready();
      await domain.create();
      await domain.suspend();
      await domain.destroy();
      const seen: string[] = [];
      for await (const event of events) if (seen.push(kind(event)) === 3) break;
      assert.deepEqual(seen, ['started booted', 'suspended paused', 'stopped destroyed']);
      assert.deepEqual(await events.next(), { done: true, value: undefined });
    }));

  it('waits for what comes, for any number of readers', () =>
    withDomain(async (domain, connection) => {
      await using events = connection.domainEvents({ events: ['lifecycle'] });
      const readings = [events.next(), events.next()];
      await events.ready();
      await domain.create();
      await domain.destroy();
      const seen = await Promise.all(readings);
      assert.deepEqual(
        seen.map(({ value }) => value && kind(value)),
        ['started booted', 'stopped destroyed'],
      );
    }));

  it('gives events of one domain when it is given', () =>
    withDomain((domain) =>
      withDomain(async (other, connection) => {
        await using events = connection.domainEvents({ domain });
        await events.ready();
        await other.create();
        await domain.create();
        const { value } = await events.next();
        assert.equal(value?.type === 'lifecycle' && value.domain.uuid, domain.uuid);
      }),
    ));

  it('is subscribed in libvirt only while somebody listens', () =>
    withConnection(async (connection) => {
      const addon = loadAddon();
      const subscribeDomainEvent = addon.subscribeDomainEvent.bind(addon);
      const unsubscribeDomainEvent = addon.unsubscribeDomainEvent.bind(addon);
      const log: string[] = [];
      addon.subscribeDomainEvent = async (on, event, ...rest) => {
        log.push(`+${event}`);
        return subscribeDomainEvent(on, event, ...rest);
      };
      addon.unsubscribeDomainEvent = async (...args) => {
        log.push('-');
        return unsubscribeDomainEvent(...args);
      };
      try {
        const events = connection.domainEvents({ events: ['reboot', 'block-job', 'reboot'] });
        await events.ready();
        assert.deepEqual(log, ['+1', '+16']);
        await events.return();
        await events.return();
        assert.deepEqual(log, ['+1', '+16', '-', '-']);
      } finally {
        Object.assign(addon, { subscribeDomainEvent, unsubscribeDomainEvent });
      }
    }));

  it('keeps as many events as its limit, and counts those that are lost', () =>
    withDomain(async (domain, connection) => {
      await using events = connection.domainEvents({ limit: 2 });
      let heard = 0;
      await connection.onDomainEvent(() => heard++);
      await events.ready();
      for (let round = 0; round < 3; round++) {
        await domain.create();
        await domain.destroy();
      }
      await until('all events have come', () => heard === 6);
      const seen = [await events.next(), await events.next(), await events.next()];
      assert.deepEqual(seen[0]?.value, { type: 'lost', count: 4 });
      assert.deepEqual(
        seen.slice(1).map(({ value }) => value && kind(value)),
        ['started booted', 'stopped destroyed'],
      );
    }));

  it('ends with the connection, after what has come', async () => {
    const connection = await connect(testUri);
    const events = connection.domainEvents();
    const reboots = connection.domainEvents({ events: ['reboot'] });
    const waiting = reboots.next();
    // One that has not begun when the connection is closed fails instead.
    await Promise.all([events.ready(), reboots.ready()]);
    const domain = await connection.lookupDomainByName('test');
    await domain.suspend();
    await domain.resume();
    await connection.close();
    assert.equal((await waiting).done, true);
    for await (const event of events) assert.equal(event.type, 'lifecycle');
  });

  it('ends when the daemon drops the connection', async () => {
    const daemon = await FakeDaemon.start();
    const connection = await connect(daemon.uri);
    const reading = connection.domainEvents({ events: ['lifecycle'] }).next();
    await until('the daemon has got the subscription', () => daemon.hanging.length > 0);
    daemon.hangUp();
    // Either is the end: of the iterator, or of the call that was to begin it.
    await reading.then(
      ({ done }) => {
        assert.equal(done, true);
      },
      (error: unknown) => {
        assert.match(String(error), /LibvirtError/);
      },
    );
    await connection.close();
    await daemon.stop();
  });

  it('ends with the reason of its signal', () =>
    withConnection(async (connection) => {
      const reason = new Error('enough');
      const abort = new AbortController();
      const events = connection.domainEvents({ signal: abort.signal });
      await events.ready();
      const reading = events.next();
      abort.abort(reason);
      await assert.rejects(reading, reason);
      assert.equal((await events.next()).done, true);
      const late = connection.domainEvents({ signal: abort.signal });
      await assert.rejects(late.next(), reason);
    }));

  it('rejects the first reading when an argument is wrong or the connection closed', async () => {
    const connection = await connect(testUri);
    const wrong: [string, Parameters<Connection['domainEvents']>[0]][] = [
      [
        "Expected `events\\[0\\]` to be one of lifecycle, .*, got 'toString'",
        { events: ['toString' as never] },
      ],
      [
        'Expected `events` to be an array of names that is not empty, or undefined, got \\[\\]',
        { events: [] },
      ],
      ['Expected `domain` to be a Domain or undefined, got 5', { domain: 5 as never }],
      ['Expected `limit` to be a positive safe integer or undefined, got 0', { limit: 0 }],
      ['Expected `signal` to be an AbortSignal or undefined, got 5', { signal: 5 as never }],
      ['Expected `options` to be an object, got null', null as never],
    ];
    for (const [message, options] of wrong) {
      const events = connection.domainEvents(options);
      await assert.rejects(events.next(), { name: 'TypeError', message: new RegExp(`^${message}$`) });
      assert.equal((await events.next()).done, true);
    }
    await connection.close();
    await assert.rejects(connection.domainEvents().next(), { code: 'VIR_ERR_INVALID_CONN' });
    await assert.rejects(connection.domainEvents().ready(), { code: 'VIR_ERR_INVALID_CONN' });
  });

  it('does not keep the process alive while nobody reads', async () => {
    const ended = await runFixture('iterators', ['unread']);
    assert.equal(ended.stdout, 'ready\n');
    assertEndedWell(ended);
  });

  it('keeps the process alive for a reader that waits', async () => {
    const ended = await runFixture('iterators', ['read']);
    assert.equal(ended.stdout, 'lifecycle\n');
    assertEndedWell(ended);
  });

  it('ends its subscription when it is forgotten', async () => {
    const ended = await runFixture('iterators', ['forgotten']);
    assert.equal(ended.stdout, 'unsubscribed 2\n');
    assertEndedWell(ended);
  });
});

describe('Listeners for events', () => {
  it('hear the kinds they name, and no more', () =>
    withDomain(async (domain, connection) => {
      const all: string[] = [];
      const reboots: string[] = [];
      const unsubscribe = await connection.onDomainEvent((event) => all.push(kind(event)));
      // The type of the event follows from the names.
      await connection.onDomainEvent(({ domain: { name } }) => reboots.push(name), { events: ['reboot'] });
      await domain.create();
      await until('an event has come', () => all.length > 0);
      await unsubscribe();
      await domain.destroy();
      assert.deepEqual(all, ['started booted']);
      assert.deepEqual(reboots, []);
    }));

  it('are refused with names of no event', () =>
    withConnection((connection) =>
      assert.rejects(
        connection.onDomainEvent(() => undefined, { events: ['x' as never] }),
        { name: 'TypeError', message: /^Expected `events\[0\]` to be one of lifecycle, reboot/ },
      ),
    ));
});

describe('An event', () => {
  const domain = { name: 'a', uuid: 'b' };

  it('is described by names', () => {
    assert.deepEqual(domainEvent('reboot', domain, []), { type: 'reboot', domain });
    assert.deepEqual(domainEvent('agent-lifecycle', domain, [1, 2]), {
      type: 'agent-lifecycle',
      domain,
      state: 'connected',
      reason: 'channel',
    });
    assert.deepEqual(domainEvent('block-job', domain, ['vda', 4, 3]), {
      type: 'block-job',
      domain,
      disk: 'vda',
      job: 'active-commit',
      status: 'ready',
    });
    assert.deepEqual(domainEvent('device-removed', domain, ['net0']), {
      type: 'device-removed',
      domain,
      alias: 'net0',
    });
    const completed = domainEvent('job-completed', domain, [{ operation: 2, success: true }]);
    assert.equal(completed?.type === 'job-completed' && completed.job.operation, 'save');
  });

  it('of a kind that libvirt added later is left out, or unknown', () => {
    assert.equal(domainEvent('agent-lifecycle', domain, [99, 0]), undefined);
    assert.equal(domainEvent('block-job', domain, ['vda', 1, 99]), undefined);
    const job = domainEvent('block-job', domain, ['vda', 99, 0]);
    assert.equal(job?.type === 'block-job' && job.job, 'unknown');
  });
});
