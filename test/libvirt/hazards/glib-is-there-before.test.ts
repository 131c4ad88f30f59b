import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { loadAddon } from '../../../src/libvirt/load.js';
import { assertEndedWell, runFixture } from '../support.js';

/** As an Electron that is linked with GLib has it, and an addon that loads it for all. */
function preloadGLib(): NodeJS.ProcessEnv {
  loadAddon();
  const path = /\S*\/libglib-2\.0\.so\S*/.exec(readFileSync('/proc/self/maps', 'utf8'))?.[0];
  assert.ok(path, 'GLib came with libvirt');
  // A sanitizer has to be first.
  return { LD_PRELOAD: [process.env.LD_PRELOAD, path].filter(Boolean).join(':') };
}

/** The versions of libvirt whose client needs native/repair/client_loop.cc. */
async function needsClientLoop(): Promise<boolean> {
  const version = await loadAddon().libraryVersion(0);
  return version >= 6_001_000 && version < 10_004_000;
}

const linux = process.platform === 'linux';

describe('In a process that had GLib before libvirt', () => {
  if (!linux) return;

  it('the calls of a connection are made one at a time, where libvirt needs client_loop.cc', async () => {
    const ended = await runFixture('calls-at-once', [], undefined, preloadGLib());
    assertEndedWell(ended);
    assert.equal(ended.stdout, `${(await needsClientLoop()) ? 1 : 5} at once\n20 answers\n20 answers\n`);
  });

  // Not one at a time, libvirt 9.0 crashes or hangs within the first few of the connections.
  it('a daemon that drops connections just while calls begin fails the calls, and no more', async () => {
    const atOnce = (await needsClientLoop()) ? '1' : '4';
    assertEndedWell(await runFixture('calls-at-a-drop', ['300', atOnce], undefined, preloadGLib()));
  });
});

it('In a process that had no GLib before libvirt the calls of a connection are all made at once', async () => {
  const ended = await runFixture('calls-at-once', []);
  assertEndedWell(ended);
  assert.equal(ended.stdout, '5 at once\n20 answers\n20 answers\n');
});
