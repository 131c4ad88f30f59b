import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { parsePort } from '../../../src/domain/ports.js';
import { requirePortsFree, unclaimedPort } from '../../../src/vm/guest/port-space.js';
import { rejectsWithCode } from '../../support/rejects.js';
import { openTestClient } from '../../support/test-host.js';
import { openTestHost } from '../../support/test-host.js';

describe('ports of the host', () => {
  it('that are free can be published, and are free again afterwards', async function () {
    const { host } = await openTestHost(this, []);
    const port = await unclaimedPort(host);
    const ports = [parsePort(`${port}:80`), parsePort(`0.0.0.0:${port}:53/udp`)];
    await requirePortsFree(host, ports);
    await requirePortsFree(host, ports);
  });

  it('that somebody listens on are named, for TCP and UDP', async function () {
    const { host } = await openTestHost(this, []);
    const server = createServer().listen(0, '127.0.0.1');
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await Promise.all([once(server, 'listening'), once(socket, 'listening')]);
    try {
      for (const [port, protocol] of [
        [(server.address() as AddressInfo).port, 'tcp'],
        [socket.address().port, 'udp'],
      ] as const) {
        const taken = parsePort(`${port}:80/${protocol}`);
        const error = await rejectsWithCode('PORT_TAKEN', () => requirePortsFree(host, [taken]));
        assert.ok(error.message.includes(`Port ${port} of 127.0.0.1`), error.message);
        assert.match(error.message, /taken by another process/);
      }
    } finally {
      server.close();
      socket.close();
    }
  });

  it('that a running VM has are named with it', async function () {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    try {
      const { host } = await openTestHost(this, [
        { name: 'asleep', state: 'shut off', ports: [parsePort(`${port}:80`)] },
        { name: 'web', ports: [parsePort(`${port}:80`)] },
      ]);
      const wanted = [parsePort(`${port}:8080`)];
      const error = await rejectsWithCode('PORT_TAKEN', () => requirePortsFree(host, wanted));
      assert.match(error.message, /is taken by the VM web/);
      assert.match(error.remedy ?? '', /podman-bootc stop web/);
    } finally {
      server.close();
    }
  });

  it('on an address that is not of this host are named', async function () {
    const { host } = await openTestHost(this, []);
    const elsewhere = [parsePort('192.0.2.1:8080:80')];
    const error = await rejectsWithCode('PORT_UNUSABLE', () => requirePortsFree(host, elsewhere));
    assert.match(error.message, /no such address/);
  });

  it('that the network reaches are told of aloud, others are not', async function () {
    const { client, said } = await openTestClient(this, []);
    const port = { protocol: 'tcp', address: '127.0.0.1', hostPort: 8080, guestPort: 80 } as const;
    const run = async (...addresses: string[]): Promise<string[]> => {
      said.length = 0;
      const ports = addresses.map((address, index) => ({ ...port, address, hostPort: 8080 + index }));
      await assert.rejects(client.run('localhost/os:1', { ports, podman: 'no such connection' }));
      return said.filter((message) => message.includes('published to the network'));
    };
    assert.deepEqual(await run(), []);
    assert.deepEqual(await run('127.0.0.1', '127.0.0.2'), []);
    const [one, ...more] = await run('127.0.0.1', '0.0.0.0');
    assert.match(
      one ?? '',
      /^0\.0\.0\.0:8081:80 is published to the network: whoever reaches this host there /,
    );
    assert.deepEqual(more, []);
    assert.match(
      (await run('0.0.0.0', '192.0.2.1')).join(),
      /^0\.0\.0\.0:8080:80, 192\.0\.2\.1:8081:80 are /,
    );
  });
});
