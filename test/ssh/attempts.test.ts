import assert from 'node:assert/strict';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { Attempts } from '../../src/ssh/attempts.js';

/** More than any wait keeps open; of a list this long Node would warn. */
const many = 15;

describe('attempts on a port that stays silent', () => {
  const sockets = new Set<Socket>();
  let server: Server;
  let port: number;

  beforeEach(async () => {
    server = createServer((socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket)).resume();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ({ port } = server.address() as AddressInfo);
  });

  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  it('are four, 3 s apart, and one more when one of them has ended', async () => {
    using attempts = new Attempts({ port });
    assert.equal(attempts.untilNext(), 0);
    void attempts.open(() => undefined);
    for (let n = 1; n < 4; n++) {
      assert.ok(attempts.untilNext() > 2000 && attempts.untilNext() <= 3000, String(attempts.untilNext()));
      void attempts.open(() => undefined);
    }
    assert.equal(attempts.untilNext(), Infinity);
    while (sockets.size < 4) await turn();
    const [first] = sockets;
    first?.destroy();
    while (attempts.untilNext() === Infinity) await turn();
    assert.ok(attempts.untilNext() <= 3000);
  });

  it('are kept open without a warning of Node’s, and are all closed at the end', async () => {
    const warnings: string[] = [];
    const onWarning = ({ message }: Error): unknown => warnings.push(message);
    process.on('warning', onWarning);
    try {
      const attempts = new Attempts({ port });
      for (let n = 0; n < many; n++)
        await new Promise<void>((resolve) => {
          void attempts.open(() => {
            resolve();
          });
        });
      while (sockets.size < many) await turn();
      assert.deepEqual(warnings, []);
      attempts[Symbol.dispose]();
      while (sockets.size > 0) await turn();
    } finally {
      process.off('warning', onWarning);
    }
  });
});
