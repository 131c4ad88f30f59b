import assert from 'node:assert/strict';
import { createConnection } from 'node:net';
import { GuestConnection } from '../../src/ssh/connection.js';
import { TestServer } from './sshd.js';

describe('a connection to a guest', () => {
  let server: TestServer;

  before(async () => {
    server = await TestServer.start();
    await server.pin('host-ed25519.pub');
  });

  after(() => server.stop());

  it('runs commands one after the other on one login', async () => {
    const before = server.accepted.length;
    using guest = await GuestConnection.open(server.target());
    assert.deepEqual(await guest.run('echo one; echo two >&2; exit 3'), {
      exitCode: 3,
      stdout: 'one\n',
      stderr: 'two\n',
    });
    assert.equal((await guest.run('cat', { input: 'ä'.repeat(100_000) })).stdout.length, 100_000);
    assert.equal(server.accepted.length, before + 1);
  });

  it('gives a command bytes as they come, and lets it end before it has read all', async () => {
    using guest = await GuestConnection.open(server.target());
    let made = 0;
    async function* bytes(most: number): AsyncGenerator<Buffer> {
      for (; made < most; made++) yield await Promise.resolve(Buffer.alloc(1 << 16, 0xff));
    }
    assert.equal((await guest.run('wc -c', { input: bytes(50) })).stdout.trim(), String(50 << 16));
    assert.equal((await guest.run('exec <&-; exit 4', { input: bytes(100_000) })).exitCode, 4);
    assert.ok(made < 10_000, `${made}`);
    async function* failing(): AsyncGenerator<Buffer> {
      yield await Promise.resolve(Buffer.from('x'));
      throw new Error('unreadable');
    }
    await assert.rejects(guest.run('cat', { input: failing() }), /^Error: unreadable$/);
    assert.equal((await guest.run('echo on')).stdout, 'on\n', 'the connection goes on');
  });

  it('tells what a command prints while it runs', async () => {
    using guest = await GuestConnection.open(server.target());
    const first = new Promise<string>((resolve) => {
      void guest.run('echo begun; exec sleep 60', { onOutput: resolve }).catch(() => undefined);
    });
    assert.equal(await first, 'begun\n');
  });

  it('leads a port of the guest here', async () => {
    using guest = await GuestConnection.open(server.target());
    const port = await guest.forward((connection) => {
      connection.on('data', (chunk: Buffer) => connection.end(`got ${chunk.toString()}`));
    });
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = createConnection({ host: '127.0.0.1', port });
      let said = '';
      socket.on('data', (chunk) => (said += chunk.toString()));
      socket.on('close', () => {
        resolve(said);
      });
      socket.on('error', reject);
      socket.write('it');
    });
    assert.equal(answer, 'got it');
  });

  it('says when the guest forwards no ports', async () => {
    const strict = await TestServer.start({ configuration: ['AllowTcpForwarding no'] });
    try {
      await strict.pin('host-ed25519.pub');
      using guest = await GuestConnection.open(strict.target());
      await assert.rejects(
        guest.forward(() => undefined),
        { code: 'FORWARDING_REFUSED' },
      );
    } finally {
      await strict.stop();
    }
  });

  it('is over for a command when it is aborted or the guest goes', async () => {
    const controller = new AbortController();
    using guest = await GuestConnection.open(server.target());
    const running = guest.run('exec sleep 60', { signal: controller.signal });
    setTimeout(() => {
      controller.abort(new Error('enough'));
    }, 50);
    await assert.rejects(running, /^Error: enough$/);

    using other = await GuestConnection.open(server.target());
    const cut = await other.run('kill -9 $PPID');
    assert.equal(cut.exitCode, undefined);
  });

  it('is refused where the guest shows another host key than the pinned one', async () => {
    await server.keygen('other', 'ed25519');
    await server.pin('other.pub');
    await assert.rejects(GuestConnection.open(server.target()), { code: 'HOST_KEY_MISMATCH' });
    await server.pin('host-ed25519.pub');
  });

  it('says why where nobody listens', async () => {
    await assert.rejects(GuestConnection.open({ ...server.target(), port: 1 }, { timeout: 1000 }), {
      code: 'CONNECTION_FAILED',
      message: /^The guest on port 1 could not be logged in to: /,
    });
  });
});
