import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { withoutDomainJson } from '../../src/cli/output/vm-json.js';
import { VmDirectory } from '../../src/vm/files/vm-directory.js';
import { rejectsWithCode } from '../support/rejects.js';
import { assertMatchesSchema } from '../support/schema.js';
import { openTestClient, type TestClient } from '../support/test-host.js';
import { uuidFor } from '../support/test-node.js';

describe('a VM that is half made', () => {
  let test: TestClient;

  beforeEach(async function () {
    test = await openTestClient(this, [{ name: 'whole' }]);
    mkdirSync(test.directory('half'), { recursive: true });
    await new VmDirectory(test.directory('half')).writeJournal({
      operation: 'create',
      uri: test.uri,
      name: 'half',
      image: 'quay.io/a/b:1',
      since: '2026-01-02T03:04:05.000Z',
    });
  });

  it('is listed, with the state that tells whether somebody is at work on it', async () => {
    const [left] = await test.client.listUnfinished();
    assert.deepEqual([left?.name, left?.state], ['half', 'interrupted']);
    await using _lock = await test.lock(uuidFor('half'));
    const [busy] = await test.client.listUnfinished();
    assert.deepEqual([busy?.name, busy?.state], ['half', 'creating']);
    await assertMatchesSchema('list', JSON.stringify([left, busy].map((vm) => vm && withoutDomainJson(vm))));
  });

  it('is filtered like the others', async () => {
    const count = async (filter: object): Promise<number> =>
      (await test.client.listUnfinished(filter)).length;
    assert.equal(await count({ names: ['ha*'] }), 1);
    assert.equal(await count({ states: ['interrupted'], images: ['quay.io/a/b'] }), 1);
    assert.equal(await count({ states: ['creating'] }), 0);
    assert.equal(await count({ labels: [['a']] }), 0);
  });

  it('is not "no such VM" for whoever inspects it', async () => {
    const error = await rejectsWithCode('VM_UNFINISHED', () => test.client.inspect('half'));
    assert.match(error.message, /half made or half removed/);
    await using _lock = await test.lock(uuidFor('half'));
    const busy = await rejectsWithCode('VM_UNFINISHED', () =>
      test.client.inspect(uuidFor('half').slice(0, 8)),
    );
    assert.match(busy.message, /Another podman-bootc is creating the VM half/);
    await rejectsWithCode('VM_NOT_FOUND', () => test.client.inspect('other'));
  });
});
