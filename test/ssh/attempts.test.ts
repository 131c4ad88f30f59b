import assert from 'node:assert/strict';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { Attempts } from '../../src/ssh/attempts.js';

/** More than any wait keeps open: `silentSpacing` begins with 2 s, and 75 s are the patience. */
const many = 15;

describe('attempts on a port that stays silent', () => {
  it('are kept open without a warning of Node’s, and are all closed at the end', async () => {
    const warnings: string[] = [];
    const onWarning = ({ message }: Error): unknown => warnings.push(message);
    process.on('warning', onWarning);
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket)).resume();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const attempts = new Attempts({ port: (server.address() as AddressInfo).port });
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
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    }
  });
});
