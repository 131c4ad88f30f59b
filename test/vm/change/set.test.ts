import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { metadataNamespace } from '../../../src/domain/metadata.js';
import { text, child, find, parseXml } from '../../../src/domain/xml.js';
import { setVirtualMachine } from '../../../src/vm/change/set.js';
import { findVirtualMachine } from '../../../src/vm/virtual-machine.js';
import { MiB } from '../../../src/sizes.js';
import { withEnvironment } from '../../support/environment.js';
import { rejectsWithCode } from '../../support/rejects.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { openTestClient, openTestHost } from '../../support/test-host.js';

describe('setting what a VM has', () => {
  it('changes the definition of one that is shut off, for its next start', async function () {
    const { client } = await openTestClient(this, [{ name: 'off', state: 'shut off' }]);
    const applied = await client.set('off', { cpus: 4, memory: 512 * MiB });
    assert.deepEqual(applied, [
      { what: 'cpus', effect: 'at next start' },
      { what: 'memory', effect: 'at next start' },
    ]);
    const { cpus, memory, definition } = await client.inspect('off');
    assert.deepEqual([cpus, memory], [4, 512 * MiB]);
    assert.deepEqual([definition.cpus, definition.memory], [4, 512 * MiB]);
    await client.set('off', { cpus: 1, memory: 128 * MiB });
    const fewer = await client.inspect('off');
    assert.deepEqual([fewer.cpus, fewer.memory, fewer.definition.memory], [1, 128 * MiB, 128 * MiB]);
  });

  it('says of a running one what is so now and what at the next start', async function () {
    const { client } = await openTestClient(this, [{ name: 'web' }]);
    // It has one CPU, and was not started with room for more.
    assert.deepEqual(await client.set('web', { cpus: 2 }), [{ what: 'cpus', effect: 'at next start' }]);
    const { cpus, definition } = await client.inspect('web');
    assert.deepEqual([cpus, definition.cpus], [1, 2]);
    await client.restart('web', { force: true });
    assert.equal((await client.inspect('web')).cpus, 2);
    assert.deepEqual(await client.set('web', { cpus: 1 }), [{ what: 'cpus', effect: 'now' }]);
    assert.equal((await client.inspect('web')).cpus, 1);
  });

  for (const state of ['running', 'shut off'] as const) {
    it(`adds, replaces and takes away labels of one that is ${state}, at once`, async function () {
      const { client } = await openTestClient(this, [{ name: 'web', state, labels: { a: '1', b: '2' } }]);
      const applied = await client.set('web', { labels: { b: '3', c: ' <&>' }, removeLabels: ['a', 'none'] });
      assert.deepEqual(applied, [{ what: 'labels', effect: 'now' }]);
      assert.deepEqual((await client.find('web')).metadata.labels, { b: '3', c: ' <&>' });
      await client.set('web', { removeLabels: ['b', 'c'] });
      assert.equal((await client.find('web')).metadata.labels, undefined);
    });
  }

  it('has a VM start with libvirt, or not', async function () {
    const { client } = await openTestClient(this, [{ name: 'web', state: 'shut off' }]);
    await client.set('web', { autostart: true });
    assert.equal((await client.inspect('web')).autostart, true);
    await client.set('web', { autostart: false });
    assert.equal((await client.inspect('web')).autostart, false);
  });

  it('refuses volumes whose directory is not there, and the removal of one that it has not', async function () {
    const { client, directory } = await openTestClient(this, [{ name: 'web', state: 'shut off' }]);
    const volume = { host: directory('none'), guest: '/var/x', readOnly: false };
    await rejectsWithCode('VOLUME_MISSING', () => client.set('web', { volumes: [volume] }));
    await rejectsWithCode('VOLUME_MISSING', () =>
      client.set('web', { volumes: [{ ...volume, host: '/dev/null' }] }),
    );
    const here = { ...volume, host: directory('web') };
    await rejectsWithCode('VOLUME_CONFLICT', () => client.set('web', { volumes: [here, here] }));
    const error = await rejectsWithCode('VOLUME_NOT_FOUND', () =>
      client.set('web', { removeVolumes: ['/var/x'] }),
    );
    assert.equal(error.remedy, 'It has no volumes');
  });

  it('gives a VM a volume, another one at its place, and takes it away', async function () {
    const { client, directory } = await openTestClient(this, [{ name: 'web', state: 'shut off' }]);
    const bin = temporaryDirectory(this);
    writeFileSync(join(bin, 'virtiofsd'), '', { mode: 0o755 });
    await withEnvironment({ PATH: `${bin}:${process.env.PATH ?? ''}` }, async () => {
      const volume = { host: directory('web'), guest: '/var/x', readOnly: false };
      assert.deepEqual(await client.set('web', { volumes: [volume] }), [
        { what: 'volumes', effect: 'at next start' },
      ]);
      const credential = join(directory('web'), 'tmpfiles.extra');
      assert.match(readFileSync(credential, 'utf8'), /^text# The volumes$/m);
      const other = { ...volume, host: bin };
      await client.set('web', { volumes: [other] });
      assert.deepEqual((await client.inspect('web')).definition.metadata?.volumes, [other]);
      await client.set('web', { removeVolumes: ['/var/x'] });
      assert.equal((await client.inspect('web')).definition.metadata?.volumes, undefined);
      assert.equal(readFileSync(credential, 'utf8'), 'text');
    });
  });

  it('leaves alone what somebody else has put into the domain, and the rest of our record', async function () {
    const { host } = await openTestHost(this, [{ name: 'web', state: 'shut off' }]);
    const vm = await findVirtualMachine(host, 'web');
    await vm.domain.setMetadata('<app colour="blue"/>', { key: 'their', uri: 'urn:theirs', config: true });
    const edited = (await vm.domain.getXml({ inactive: true })).replace(
      '<on_crash>destroy</on_crash>',
      '<on_crash>restart</on_crash>',
    );
    await host.connection.defineDomain(
      edited.replace(/<podman-bootc:ssh /, '<podman-bootc:later x="1"/><podman-bootc:ssh later="y" '),
    );
    await setVirtualMachine(host, vm, { cpus: 3, memory: 256 * MiB, labels: { a: 'b' } });
    const domain = parseXml(await vm.domain.getXml({ inactive: true }));
    assert.equal(text(child(domain, 'on_crash')), 'restart');
    assert.equal(find(domain, 'metadata', 'their:app')?.attributes.colour, 'blue');
    const record = find(domain, 'metadata', 'podman-bootc:vm');
    assert.equal(find(record, 'podman-bootc:later')?.attributes.x, '1');
    assert.equal(find(record, 'podman-bootc:ssh')?.attributes.later, 'y');
    assert.equal((await findVirtualMachine(host, 'web')).metadata.labels?.a, 'b');
  });

  it('changes nothing when libvirt refuses a part, or the words are wrong', async function () {
    const { client } = await openTestClient(this, [{ name: 'web', state: 'shut off' }]);
    const definition = async (): Promise<unknown> =>
      parseXml(await (await client.find('web')).domain.getXml({ inactive: true }));
    const before = await definition();
    // More than the test driver's machine takes.
    const refused = await rejectsWithCode('SET_FAILED', () =>
      client.set('web', { cpus: 60_000, memory: 512 * MiB, labels: { a: 'b' } }),
    );
    assert.equal(refused.failureClass, 'define');
    assert.deepEqual(await definition(), before);
    await rejectsWithCode('MEMORY_INVALID', () => client.set('web', { cpus: 2, memory: 4 }));
    await rejectsWithCode('LABEL_INVALID', () => client.set('web', { cpus: 2, labels: { 'a b': '' } }));
    assert.deepEqual(await definition(), before);
  });

  it('puts the old definition back when a later part is refused than an earlier one', async function () {
    const { host } = await openTestHost(this, [{ name: 'web', state: 'shut off' }]);
    const vm = await findVirtualMachine(host, 'web');
    await vm.domain.setMetadata(null, { key: '', uri: metadataNamespace, config: true });
    // Labels come last, and there is no record left to put them into.
    await rejectsWithCode('SET_FAILED', () =>
      setVirtualMachine(host, vm, { cpus: 3, memory: 512 * MiB, labels: { a: 'b' } }),
    );
    const { vcpus, memory } = await vm.domain.getInfo();
    assert.deepEqual([vcpus, memory], [1, 64n * 1024n]);
  });
});
