import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { acquireLock, isLocked, tryLock } from '../../../src/vm/host/lock.js';
import { rejectsWithCode } from '../../support/rejects.js';
import { openTestHost } from '../../support/test-host.js';

describe('a lock', () => {
  it('makes others wait, and says for whom and for what', async function () {
    const { host, said } = await openTestHost(this, []);
    const first = await acquireLock({ ...host, program: 'podman-bootc stop' }, 'one', { what: 'the VM web' });
    const second = acquireLock(host, 'one', { what: 'the VM web' });
    while (said.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(said, [
      `Waiting for podman-bootc stop (process ${process.pid}), which works on the VM web`,
    ]);
    assert.equal(await tryLock(host, 'one'), undefined);
    await first[Symbol.asyncDispose]();
    await (await second)[Symbol.asyncDispose]();
  });

  it('fails those at once who do not want to wait', async function () {
    const { host } = await openTestHost(this, []);
    await using _lock = await acquireLock(host, 'one', { what: 'the VM web' });
    const error = await rejectsWithCode('BUSY', () =>
      acquireLock({ ...host, waits: false }, 'one', { what: 'the VM web' }),
    );
    assert.match(error.message, /^podman-bootc \(process \d+\) works on the VM web$/);
  });

  it('that is held for an instant is waited for in silence, also by those who do not want to wait', async function () {
    const { host, said } = await openTestHost(this, []);
    const first = await acquireLock(host, 'one', { what: 'ports' });
    let taken = false;
    const second = acquireLock({ ...host, waits: false }, 'one', { what: 'ports', brief: true }).then(
      (lock) => {
        taken = true;
        return lock;
      },
    );
    assert.equal(await tryLock(host, 'one'), undefined);
    assert.equal(taken, false);
    await first[Symbol.asyncDispose]();
    await (await second)[Symbol.asyncDispose]();
    assert.deepEqual(said, []);
  });

  it('can be looked at without being taken or made', async function () {
    const { host } = await openTestHost(this, []);
    assert.equal(await isLocked(host, 'one'), false);
    assert.ok(!existsSync(join(host.directories.runtime, 'locks')));
    const lock = await acquireLock(host, 'one', { what: 'it' });
    assert.equal(await isLocked(host, 'one'), true);
    await lock[Symbol.asyncDispose]();
    assert.equal(await isLocked(host, 'one'), false);
  });
});
