import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { rejectsWithCode } from '../../support/rejects.js';
import { openTestClient } from '../../support/test-host.js';

describe('renaming a VM', () => {
  it('changes its name and nothing else', async function () {
    const { client } = await openTestClient(this, [
      { name: 'old', state: 'shut off', labels: { a: 'b' } },
      { name: 'other' },
    ]);
    const before = await client.find('old');
    const after = await client.rename('old', 'new');
    assert.equal(after.name, 'new');
    const found = await client.find('new');
    assert.deepEqual([found.uuid, found.metadata], [before.uuid, before.metadata]);
    await rejectsWithCode('VM_NOT_FOUND', () => client.find('old'));
    assert.deepEqual((await client.list()).map(({ name }) => name).sort(), ['new', 'other']);
  });

  for (const state of ['running', 'paused'] as const) {
    it(`refuses one that is ${state}, and says how to stop it`, async function () {
      const { client } = await openTestClient(this, [{ name: 'web', state }]);
      const error = await rejectsWithCode('VM_RUNNING', () => client.rename('web', 'new'));
      assert.match(error.message, new RegExp(`is ${state}`));
      assert.match(error.remedy ?? '', /podman-bootc stop/);
      assert.equal((await client.find('web')).name, 'web');
    });
  }

  it('refuses a name that is taken, also by a domain of somebody else or by itself', async function () {
    const { client } = await openTestClient(this, [
      { name: 'web', state: 'shut off' },
      { name: 'db', state: 'shut off' },
      { name: 'alien', ours: false },
    ]);
    for (const name of ['db', 'alien']) {
      const error = await rejectsWithCode('NAME_TAKEN', () => client.rename('web', name));
      assert.match(error.message, /is taken/);
    }
    assert.match((await rejectsWithCode('NAME_TAKEN', () => client.rename('web', 'web'))).message, /already/);
    await rejectsWithCode('NAME_INVALID', () => client.rename('web', '../x'));
    assert.equal((await client.find('web')).name, 'web');
  });

  it('refuses the beginning of another VM’s ID, and takes that of its own', async function () {
    const { client } = await openTestClient(this, [
      { name: 'web', state: 'shut off', uuid: 'abcdef01-0000-4000-8000-000000000001' },
      { name: 'db', state: 'shut off', uuid: 'beef0000-0000-4000-8000-000000000002' },
      { name: 'alien', ours: false, uuid: 'cafe0000-0000-4000-8000-000000000003' },
    ]);
    for (const name of ['b', 'BEEF', 'beef-0000']) {
      const error = await rejectsWithCode('NAME_TAKEN', () => client.rename('web', name));
      assert.match(error.message, /is the beginning of another VM's ID: beef00000000 \(db\)/);
    }
    await rejectsWithCode('NAME_INVALID', () => client.rename('web', 'beef00000000'));
    let now = 'web';
    for (const name of ['abc', 'cafe', 'dead']) now = (await client.rename(now, name)).name;
    assert.equal(now, 'dead');
  });

  it('waits for whoever is making a VM of that name', async function () {
    const { client, said, lock } = await openTestClient(this, [{ name: 'web', state: 'shut off' }]);
    const held = await lock('name-new');
    const renaming = client.rename('web', 'new');
    while (!said.some((sentence) => /Waiting for .* works on the name new/.test(sentence)))
      await setImmediate();
    assert.equal((await client.find('web')).name, 'web');
    await held[Symbol.asyncDispose]();
    assert.equal((await renaming).name, 'new');
  });
});
