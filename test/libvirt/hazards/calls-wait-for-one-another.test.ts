import assert from 'node:assert/strict';
import { connect } from '../../../src/libvirt/index.js';
import { FakeDaemon } from '../fake-daemon.js';
import '../support.js';

// Without native/repair/client_loop.cc libvirt 9.0 keeps a call for itself after a few hundred connections.
it('Calls of one connection all reach the daemon while each waits for the others', async () => {
  const daemon = await FakeDaemon.start();
  daemon.gather(4);
  for (let round = 0; round < 2000; round++) {
    await using connection = await connect(daemon.uri);
    const versions = await Promise.all(Array.from({ length: 4 }, () => connection.getLibraryVersion()));
    assert.deepEqual(versions, Array(4).fill(9_000_000));
  }
  await daemon.stop();
});
