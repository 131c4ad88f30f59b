import assert from 'node:assert/strict';
import { domainEvent } from '../../../src/libvirt/events/domain-event.js';
import { connect, type DomainLifecycleEvent } from '../../../src/libvirt/index.js';
import {
  assertEndedWell,
  domainXml,
  runFixture,
  testUri,
  until,
  withConnection,
  withDomain,
} from '../support.js';

describe('Lifecycle events', () => {
  it('tell what happens to domains, in order and with the detail', () =>
    withConnection(async (connection) => {
      const heard: DomainLifecycleEvent[] = [];
      const unsubscribe = await connection.onDomainLifecycle((event) => heard.push(event));
      const domain = await connection.defineDomain(domainXml('eventful'));
      await domain.create();
      await domain.destroy();
      await domain.create();
      await domain.shutdown();
      await domain.undefine();
      await until('all events have come', () => heard.length >= 6);
      assert.deepEqual(
        heard.map(({ event, detail }) => `${event} ${detail}`),
        [
          'defined added',
          'started booted',
          'stopped destroyed',
          'started booted',
          'stopped shutdown',
          'undefined removed',
        ],
      );
      assert.deepEqual(heard[0]?.domain, { name: 'eventful', uuid: domain.uuid });
      await unsubscribe();
    }));

  it('are those of one domain when it is given', () =>
    withDomain(async (domain, connection) => {
      const heard: string[] = [];
      const other = await connection.defineDomain(domainXml('other'));
      await connection.onDomainLifecycle((event) => heard.push(event.domain.name), { domain });
      await other.create();
      await other.destroy();
      await domain.create();
      await until('an event has come', () => heard.length > 0);
      await other.undefine();
      assert.deepEqual(heard, [domain.name]);
    }));

  it('end with the subscription, for that listener alone', () =>
    withDomain(async (domain, connection) => {
      const heard: string[] = [];
      const unsubscribe = await connection.onDomainLifecycle(() => heard.push('first'));
      await connection.onDomainLifecycle(() => heard.push('second'));
      await unsubscribe();
      await unsubscribe();
      await domain.create();
      await until('an event has come', () => heard.length > 0);
      assert.deepEqual(heard, ['second']);
    }));

  it('reach each listener although another one throws', async () => {
    const ended = await runFixture('listener-throws', []);
    assert.equal(ended.stdout, 'uncaught: thrown by the first listener\nsecond listener: started\n');
    assertEndedWell(ended);
  });

  it('end with the connection', async () => {
    const heard: string[] = [];
    const connection = await connect(testUri);
    const unsubscribe = await connection.onDomainLifecycle((event) => heard.push(event.event));
    await connection.close();
    await unsubscribe();
    await withDomain((domain) => domain.create());
    assert.deepEqual(heard, []);
  });

  it('are refused by a connection that is being closed', async () => {
    const connection = await connect(testUri);
    const subscribing = connection.onDomainLifecycle(() => undefined);
    const closing = connection.close();
    await assert.rejects(subscribing, { code: 'VIR_ERR_INVALID_CONN' });
    await closing;
  });

  it('do not keep the process alive', async () => {
    const ended = await runFixture('only-a-subscription', []);
    assert.equal(ended.stdout, 'subscribed\n');
    assertEndedWell(ended);
  });

  it('show a detail that libvirt added later as its number', () => {
    const detailOf = (event: number, detail: number) => {
      const made = domainEvent('lifecycle', { name: 'a', uuid: 'b' }, [event, detail]);
      return made?.type === 'lifecycle' ? made.detail : undefined;
    };
    assert.equal(detailOf(5, 99), 'unknown-99');
    assert.equal(detailOf(2, 3), 'from-snapshot');
  });

  it('of a type that libvirt added later are left out', () => {
    assert.equal(domainEvent('lifecycle', { name: 'a', uuid: 'b' }, [99, 0]), undefined);
  });
});
