import assert from 'node:assert/strict';
import { connect, type Connection } from '../../src/libvirt/index.js';
import { until } from './support/cli.js';
import { runFixture } from './support/fixture.js';
import { withSerialGuest } from './support/serial-guest.js';

const uri = 'qemu:///system';

describe('Streams that nobody closed', () => {
  let connection: Connection;
  beforeEach(async () => {
    connection = await connect(uri);
  });
  afterEach(() => connection.close());

  it('are aborted behind 100 workers that exit', () =>
    withSerialGuest(connection, async (domain) => {
      await domain.resume();
      assert.equal(await runFixture('stream-workers', uri, domain.name, '100'), '100 workers ended\n');
      await until('the console is free', async () => {
        const console = await domain.openConsole({ safe: true }).catch(() => undefined);
        console?.destroy();
        return console !== undefined;
      });
    }));

  it('are aborted when they are garbage-collected', () =>
    withSerialGuest(connection, async (domain) => {
      await domain.resume();
      assert.equal(await runFixture('collected-streams', uri, domain.name), '30 consoles collected\n');
    }));
});
