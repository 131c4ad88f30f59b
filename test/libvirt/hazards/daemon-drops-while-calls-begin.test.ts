import { assertEndedWell, runFixture } from '../support.js';

// Without native/repair/client_loop.cc libvirt 9.0 crashes or hangs within the first few of the connections.
it('A daemon that drops 300 connections just while calls begin fails the calls, and no more', async () => {
  assertEndedWell(await runFixture('calls-at-a-drop', ['300']));
});
