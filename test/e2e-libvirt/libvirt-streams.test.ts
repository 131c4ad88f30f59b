import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Readable, type Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type Connection, type Domain, type StoragePool } from '../../src/libvirt/index.js';
import '../libvirt/support.js';
import { flood, floodByte, greeting, withSerialGuest } from '../e2e/support/serial-guest.js';

const uri = 'qemu:///system';
const mebibyte = 1024 * 1024;

async function until(description: string, isTrue: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!isTrue()) {
    assert.ok(Date.now() < deadline, `Waited in vain until ${description}`);
    await sleep(5);
  }
}

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

/** What ends a stream: its error, or undefined. */
function endOf(stream: Duplex): Promise<Error | undefined> {
  return new Promise((resolve) => {
    let error: Error | undefined;
    stream.on('error', (reason: Error) => {
      error = reason;
    });
    stream.on('close', () => {
      resolve(error);
    });
    stream.resume();
  });
}

describe('With a real libvirt,', function () {
  let connection: Connection;
  beforeEach(async () => {
    connection = await connect(uri);
  });
  afterEach(() => connection.close());

  /** Runs with a guest that has said its greeting, and its console. */
  async function withConsole(use: (console: Duplex, domain: Domain) => Promise<void>): Promise<void> {
    await withSerialGuest(connection, async (domain) => {
      const console = await domain.openConsole();
      console.on('error', () => undefined);
      await domain.resume();
      let greeted = '';
      while (greeted.length < greeting.length) {
        const chunk = console.read() as Buffer | null;
        if (chunk) greeted += chunk.toString('latin1');
        else await once(console, 'readable');
      }
      assert.equal(greeted, greeting);
      console.removeAllListeners('readable');
      try {
        await use(console, domain);
      } finally {
        console.destroy();
      }
    });
  }

  describe('a console', () => {
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
        await sleep(1500);
        // It stops asking libvirt when its buffer is full.
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

  it('a channel opens once, and closes', () =>
    withSerialGuest(connection, async (domain) => {
      const channel = await domain.openChannel({ name: 'org.example.0' });
      channel.write('nobody reads this');
      await assert.rejects(domain.openChannel(), { name: 'LibvirtError' });
      channel.destroy();
      await once(channel, 'close');
      const again = await domain.openChannel({ force: true });
      again.destroy();
      await once(again, 'close');
    }));

  describe('a volume', () => {
    let directory: string;
    let pool: StoragePool;
    const path = (name: string) => join(directory, name);
    const create = (name: string, bytes: number) =>
      pool.createVolume(
        `<volume><name>${name}</name><capacity>${bytes}</capacity><allocation>0</allocation></volume>`,
      );

    beforeEach(async () => {
      directory = mkdtempSync('/var/lib/libvirt/pool-');
      chmodSync(directory, 0o755);
      pool = await connection.createStoragePool(
        `<pool type='dir'><name>streams</name><target><path>${directory}</path></target></pool>`,
      );
    });
    afterEach(async () => {
      await pool.destroy();
      rmSync(directory, { recursive: true });
    });

    it('takes and gives back its content', async () => {
      const content = randomBytes(40 * mebibyte + 12345);
      const volume = await create('one', content.length);
      let uploaded = 0;
      let downloaded = 0;
      await pipeline(
        Readable.from([content.subarray(0, 77), content.subarray(77)]),
        await volume.upload({
          onProgress(bytes) {
            assert.ok(bytes > uploaded);
            uploaded = bytes;
          },
        }),
      );
      assert.equal(uploaded, content.length);
      assert.ok(readFileSync(path('one')).equals(content));
      const chunks: Buffer[] = [];
      const download = await volume.download({
        onProgress(bytes) {
          downloaded = bytes;
        },
      });
      for await (const chunk of download) chunks.push(chunk as Buffer);
      assert.equal(downloaded, content.length);
      assert.ok(Buffer.concat(chunks).equals(content));
      const part = await volume.download({ offset: 1001, length: 20n * 1024n * 1024n });
      const parts = (await part.toArray()) as Buffer[];
      assert.ok(Buffer.concat(parts).equals(content.subarray(1001, 1001 + 20 * mebibyte)));
      await pipeline(Readable.from([Buffer.from('patch')]), await volume.upload({ offset: 100, length: 5 }));
      assert.equal(readFileSync(path('one')).toString('latin1', 100, 105), 'patch');
    });

    it('that ends where a part ends is read to its end, and an empty one too', async () => {
      for (const size of [32 * mebibyte, 0]) {
        const volume = await create(`end-${size}`, size);
        let length = 0;
        for await (const chunk of await volume.download()) length += (chunk as Buffer).length;
        assert.equal(length, size);
      }
    });

    it('keeps its holes', async () => {
      const content = Buffer.alloc(48 * mebibyte);
      content.write('begin');
      content.write('middle', 20 * mebibyte + 3);
      const volume = await create('sparse', content.length);
      await pipeline(Readable.from([content]), await volume.upload({ sparse: true }));
      assert.ok(readFileSync(path('sparse')).equals(content));
      assert.ok(statSync(path('sparse')).blocks * 512 < mebibyte);
      const chunks = (await (await volume.download({ sparse: true })).toArray()) as Buffer[];
      assert.ok(Buffer.concat(chunks).equals(content));
    });

    it('is not read ahead of a slow reader', async () => {
      const volume = await create('slow', 512 * mebibyte);
      const before = process.memoryUsage.rss();
      const download = await volume.download();
      await once(download, 'readable');
      await sleep(1000);
      const grown = process.memoryUsage.rss() - before;
      assert.ok(grown < 100 * mebibyte, `${grown} bytes`);
      download.destroy();
      await once(download, 'close');
    });

    it('that is too small fails the upload', async () => {
      const volume = await create('small', 100);
      await assert.rejects(
        pipeline(Readable.from([randomBytes(mebibyte)]), await volume.upload({ length: 10 })),
        { name: 'LibvirtError' },
      );
    });

    it('whose transfer is destroyed or aborted can be used again', async () => {
      const volume = await create('one', 64 * mebibyte);
      const abort = new AbortController();
      const upload = await volume.upload({ signal: abort.signal });
      upload.write(randomBytes(mebibyte));
      const failed = once(upload, 'error');
      abort.abort();
      assert.equal(((await failed)[0] as Error).name, 'AbortError');
      const download = await volume.download();
      await once(download, 'readable');
      download.destroy();
      await once(download, 'close');
      await volume.resize(65 * mebibyte);
      assert.equal((await volume.getInfo()).capacity, 65n * 1024n * 1024n);
      await volume.wipe();
      await volume.delete();
      await pool.refresh();
      assert.equal(existsSync(path('one')), false);
    });

    it('is found, and its pool by its target', async () => {
      const volume = await create('one', mebibyte);
      assert.equal((await connection.lookupStoragePoolByTargetPath(directory)).name, 'streams');
      assert.equal((await connection.lookupStorageVolumeByPath(path('one'))).key, volume.key);
      const clone = await pool.createVolumeFrom(
        volume,
        `<volume><name>two</name><capacity>${2 * mebibyte}</capacity></volume>`,
      );
      assert.equal((await clone.getInfo({ physical: true })).allocation, 2n * 1024n * 1024n);
    });
  });

  it('10,000 domains that come and go, and 100,000 calls, leave nothing behind', async () => {
    const test = 'test:///default';
    const cycle = async (index: number) => {
      const own = await connect(test);
      const domain = await own.defineDomain(
        `<domain type='test'><name>cycle-${index}</name><memory>8192</memory><os><type>hvm</type></os></domain>`,
      );
      await domain.undefine();
      await own.close();
    };
    const many = async (count: number, call: (index: number) => Promise<unknown>) => {
      for (let i = 0; i < count; i += 16)
        await Promise.all(Array.from({ length: Math.min(16, count - i) }, (_, j) => call(i + j)));
    };
    const measure = () => ({
      files: readdirSync('/dev/fd').length,
      threads: readdirSync('/proc/self/task').length,
      memory: process.memoryUsage.rss() / mebibyte,
    });
    const own = await connect(test);
    const domain = await own.lookupDomainByName('test');
    await many(400, cycle);
    await many(5000, () => domain.getState());
    const before = measure();
    await many(10_000, cycle);
    await many(100_000, () => domain.getState());
    await own.close();
    const after = measure();
    assert.ok(after.files <= before.files, `${after.files} files after ${before.files}`);
    assert.ok(after.threads <= before.threads + 2, `${after.threads} threads after ${before.threads}`);
    assert.ok(after.memory < before.memory + 40, `${after.memory} MiB after ${before.memory} MiB`);
  });

  it('workers that exit with streams in flight, 68 times, leave them to others', async () => {
    await withSerialGuest(connection, async (domain) => {
      await domain.resume();
      const fixture = new URL('../e2e/support/stream-workers.js', import.meta.url).pathname;
      const ended = execFileSync(process.execPath, [fixture, uri, domain.name, '68'], { encoding: 'utf8' });
      assert.equal(ended, 'all workers ended\n');
      // Aborting is done behind the worker's back.
      for (let attempt = 0; ; attempt++) {
        try {
          (await domain.openConsole({ safe: true })).destroy();
          break;
        } catch (error) {
          if (attempt > 100) throw error;
          await sleep(20);
        }
      }
    });
  });

  it('a daemon that is killed fails calls, ends streams and event iterators, and can be connected to again', async () => {
    await withSerialGuest(connection, async (domain) => {
      const own = await connect(uri);
      const reason = new Promise((resolve) => own.onClose(resolve));
      await own.onDomainLifecycle(() => undefined);
      const events = own.domainEvents();
      await events.ready();
      const event = events.next();
      const console = await (await own.lookupDomainByName(domain.name)).openConsole();
      const ended = endOf(console);
      const stopped = daemonPid();
      // So that the calls are in flight when it dies.
      process.kill(stopped, 'SIGSTOP');
      const calls = [own.getCapabilities(), own.listAllDomains(), own.lookupDomainByName(domain.name)];
      const settled = Promise.allSettled(calls);
      process.kill(stopped, 'SIGKILL');
      for (const { status } of await settled) assert.equal(status, 'rejected');
      assert.ok(['eof', 'error'].includes(String(await reason)));
      assert.equal((await event).done, true, 'an iterator that somebody reads ends');
      assert.ok((await ended) instanceof Error, 'a console does not seem to have come to its end');
      assert.ok(console.destroyed);
      await assert.rejects(own.getLibraryVersion(), { name: 'LibvirtError' });
      await own.close();
      await startDaemon();
      const next = await connect(uri);
      const found = await next.lookupDomainByName(domain.name);
      assert.equal(await found.isActive(), true);
      const again = await found.openConsole({ force: true });
      again.destroy();
      await once(again, 'close');
      await next.close();
    });
  });
});

function daemonPid(): number {
  return Number(readFileSync(join(process.env.TESTBED_STATE ?? '', 'libvirtd.pid'), 'utf8'));
}

async function startDaemon(): Promise<void> {
  const pidFile = join(process.env.TESTBED_STATE ?? '', 'libvirtd.pid');
  spawn('libvirtd', ['--pid-file', pidFile], { stdio: 'ignore', detached: true }).unref();
  for (let attempt = 0; ; attempt++) {
    try {
      await (await connect(uri)).close();
      return;
    } catch (error) {
      if (attempt > 200) throw error;
      await sleep(50);
    }
  }
}
