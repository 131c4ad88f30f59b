import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Duplex, Readable } from 'node:stream';
import { connect, type Connection, type Domain } from '../../src/libvirt/index.js';
import '../libvirt/support.js';
import { until } from './support/cli.js';
import {
  endOf,
  flood,
  floodByte,
  withConsole as withAnyConsole,
  withSerialGuest,
} from './support/serial-guest.js';

const uri = 'qemu:///system';

/** Collects what a stream delivers. */
function collect(stream: Readable): { bytes: Buffer; take(count: number): Promise<Buffer> } {
  const collected = {
    bytes: Buffer.alloc(0),
    async take(count: number) {
      await until(`${count} bytes have come`, () => collected.bytes.length >= count);
      const taken = collected.bytes.subarray(0, count);
      collected.bytes = collected.bytes.subarray(count);
      return taken;
    },
  };
  stream.on('data', (chunk: Buffer) => {
    collected.bytes = Buffer.concat([collected.bytes, chunk]);
  });
  return collected;
}

describe('A console', () => {
  let connection: Connection;
  beforeEach(async () => {
    connection = await connect(uri);
  });
  afterEach(() => connection.close());

  const withConsole = (use: (console: Duplex, domain: Domain) => Promise<void>) =>
    withAnyConsole(connection, use);

  it('carries every byte both ways', () =>
    withConsole(async (console) => {
      const echo = collect(console);
      // All values but the one that makes the guest flood.
      const sent = Buffer.from([...Array(2560).keys()].map((i) => i % 256).filter((i) => i !== floodByte));
      console.write(sent);
      assert.deepEqual(await echo.take(sent.length), sent);
    }));

  it('delivers all in order, however late it is read', () =>
    withConsole(async (console) => {
      console.write(Buffer.of(floodByte));
      await until('its buffer is full', () => console.readableLength >= console.readableHighWaterMark);
      // It has stopped asking libvirt.
      assert.ok(console.readableLength <= 2 * console.readableHighWaterMark, `${console.readableLength}`);
      const received = collect(console);
      assert.ok((await received.take(flood.length)).equals(flood));
      console.write('x');
      assert.equal((await received.take(1)).toString(), 'x');
    }));

  it('is had by one, unless another takes it by force', () =>
    withConsole(async (console, domain) => {
      const ended = endOf(console);
      await assert.rejects(domain.openConsole({ safe: true }), { code: 'VIR_ERR_OPERATION_FAILED' });
      const other = await domain.openConsole({ force: true });
      await ended;
      other.write('x');
      assert.equal((await collect(other).take(1)).toString(), 'x');
      other.destroy();
      await once(other, 'close');
      const third = await domain.openConsole({ safe: true, device: 'ua-first' });
      third.destroy();
      await once(third, 'close');
    }));

  it('is let go of when it is ended, after what was written', () =>
    withConsole(async (console, domain) => {
      const received = collect(console);
      const ended = endOf(console);
      console.write('abc');
      await received.take(3);
      console.end('d');
      assert.equal(await ended, undefined);
      (await domain.openConsole({ safe: true })).destroy();
    }));

  it('has an end for whoever reads on after ending it', () =>
    withConsole(async (console) => {
      const ended = endOf(console);
      console.pause();
      console.write(Buffer.of(floodByte));
      // No longer reading ahead: the next read asks libvirt.
      await until('the buffer is full', () => console.readableLength >= console.readableHighWaterMark);
      console.end();
      await once(console, 'finish');
      console.resume();
      assert.equal(await ended, undefined);
      assert.ok(console.readableEnded);
    }));

  it('ends when its domain does', () =>
    withConsole(async (console, domain) => {
      const ended = endOf(console);
      await domain.destroy();
      assert.equal(await ended, undefined);
      assert.ok(console.readableEnded);
      await assert.rejects(domain.openConsole(), { code: 'VIR_ERR_OPERATION_INVALID' });
    }));

  it('ends with an error when its connection is closed', () =>
    withSerialGuest(connection, async (domain) => {
      const other = await connect(uri);
      const console = await (await other.lookupDomainByName(domain.name)).openConsole();
      const ended = endOf(console);
      await other.close();
      assert.ok((await ended) instanceof Error);
      (await domain.openConsole({ safe: true })).destroy();
    }));

  it('is destroyed by its signal', () =>
    withSerialGuest(connection, async (domain) => {
      const abort = new AbortController();
      const console = await domain.openConsole({ signal: abort.signal });
      const ended = endOf(console);
      abort.abort();
      assert.equal((await ended)?.name, 'AbortError');
      (await domain.openConsole({ safe: true, device: 'ua-first' })).destroy();
    }));

  it('that is not there is refused', () =>
    withSerialGuest(connection, async (domain) => {
      await assert.rejects(domain.openConsole({ device: 'absent' }), { name: 'LibvirtError' });
      await assert.rejects(domain.openChannel({ name: 'absent' }), { name: 'LibvirtError' });
      await assert.rejects(domain.openConsole({ device: 5 as never }), { name: 'TypeError' });
      await assert.rejects(domain.openConsole({ device: 'a\0b' }), { name: 'TypeError' });
    }));
});

it('A channel opens once, and closes', async () => {
  await using connection = await connect(uri);
  await withSerialGuest(connection, async (domain) => {
    const channel = await domain.openChannel({ name: 'org.example.0' });
    channel.write('nobody reads this');
    await assert.rejects(domain.openChannel(), { name: 'LibvirtError' });
    channel.destroy();
    await once(channel, 'close');
    const again = await domain.openChannel({ force: true });
    again.destroy();
    await once(again, 'close');
  });
});
