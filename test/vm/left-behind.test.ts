import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { keepDefinition } from '../../src/vm/keep-definition.js';
import { requireNothingThere } from '../../src/vm/left-behind.js';
import { recoverAbandoned } from '../../src/vm/disks/recover.js';
import { findVirtualMachine } from '../../src/vm/virtual-machine.js';
import { VmDirectory } from '../../src/vm/files/vm-directory.js';
import { rejectsWithCode } from '../support/rejects.js';
import { openTestClient, openTestHost, type TestClient, type TestHost } from '../support/test-host.js';
import { uuidFor } from '../support/test-node.js';

/** A VM that was changed once, so that its definition is kept, and that somebody has undefined behind our back. */
async function loseVm(context: Mocha.Context, name = 'lost'): Promise<TestClient> {
  const test = await openTestClient(context, [
    { name, state: 'shut off' },
    { name: 'other', state: 'shut off' },
  ]);
  await test.client.set(name, { cpus: 1 });
  await (await test.client.find(name)).domain.undefine();
  return test;
}

function diskOf(test: Pick<TestClient, 'directory'>, name: string): string {
  return new VmDirectory(test.directory(name)).disk('raw');
}

describe('a VM that libvirt has lost', () => {
  it('is listed, with its last name and image, and not among those that libvirt has', async function () {
    const test = await loseVm(this);
    const [left, ...others] = await test.client.listLeftBehind();
    assert.deepEqual(others, []);
    assert.deepEqual(
      [left?.name, left?.image, left?.disk, left?.obstacle],
      ['lost', 'quay.io/test/os:1', diskOf(test, 'lost'), undefined],
    );
    assert.deepEqual(
      (await test.client.list()).map(({ name }) => name),
      ['other'],
    );
    assert.equal((await test.client.listLeftBehind({ names: ['x*'] })).length, 0);
    assert.equal((await test.client.listLeftBehind({ names: ['l*'], states: ['left behind'] })).length, 1);
  });

  it('is named to whoever looks for it, with the two things that can be done', async function () {
    const test = await loseVm(this);
    for (const which of ['lost', uuidFor('lost').slice(0, 8)]) {
      const error = await rejectsWithCode('VM_LEFT_BEHIND', () => test.client.start(which));
      assert.match(
        error.message,
        /no longer has the VM lost, but its disk is there: \/.*\.raw; nothing was changed/,
      );
      assert.match(error.remedy ?? '', /podman-bootc adopt \w{12}.*podman-bootc rm \w{12}/);
    }
  });

  it('is adopted with the uuid, disk and definition that it had, and is whole then', async function () {
    const test = await loseVm(this);
    const vm = await test.client.adopt('lost');
    assert.deepEqual([vm.name, vm.uuid], ['lost', uuidFor('lost')]);
    assert.equal((await test.client.inspect('lost')).definition.cpus, 1);
    assert.deepEqual(await test.client.listLeftBehind(), []);
    assert.equal(readFileSync(diskOf(test, 'lost'), 'utf8'), 'data');
    assert.equal((await test.client.start('lost')).started, true);
  });

  it('is adopted under another name where its own is taken', async function () {
    const test = await loseVm(this);
    await test.client.rename('other', 'lost');
    // The name is the other one's now: the ID tells them apart.
    const id = uuidFor('lost').slice(0, 8);
    const error = await rejectsWithCode('NAME_TAKEN', () => test.client.adopt(id));
    assert.match(error.remedy ?? '', /adopt --name NAME/);
    assert.equal((await test.client.adopt(id, { name: 'found' })).name, 'found');
    assert.deepEqual((await test.client.list()).map(({ name }) => name).sort(), ['found', 'lost']);
  });

  it('cannot be adopted while libvirt has it, nor one that never was', async function () {
    const test = await loseVm(this);
    await rejectsWithCode('VM_EXISTS', () => test.client.adopt('other'));
    await rejectsWithCode('VM_NOT_FOUND', () => test.client.adopt('nobody'));
  });

  it('is removed by name, and nothing else with it', async function () {
    const test = await loseVm(this);
    await test.client.remove('lost');
    assert.ok(!existsSync(test.directory('lost')) && !existsSync(diskOf(test, 'lost')));
    assert.ok(existsSync(test.directory('other')) && existsSync(diskOf(test, 'other')));
  });

  it('is never overwritten: making one in its place is refused before the first byte', async function () {
    const test = await openTestHost(this, []);
    mkdirSync(dirname(test.disk('new')), { recursive: true });
    writeFileSync(test.disk('new'), 'precious');
    const error = await rejectsWithCode('VM_LEFT_BEHIND', () =>
      requireNothingThere(test.host, uuidFor('new')),
    );
    assert.match(error.message, /its disk is there/);
    assert.ok(!existsSync(test.directory('new')));
    rmSync(test.disk('new'));
    mkdirSync(test.directory('new'), { recursive: true });
    writeFileSync(join(test.directory('new'), 'id_ed25519'), 'key');
    await rejectsWithCode('VM_LEFT_BEHIND', () => requireNothingThere(test.host, uuidFor('new')));
    await requireNothingThere(test.host, uuidFor('nothing'));
  });

  it('whose directory was claimed meanwhile is not claimed again', async function () {
    const test = await openTestHost(this, []);
    const directory = new VmDirectory(test.directory('new'));
    const journal = {
      operation: 'create',
      uri: test.host.uri,
      name: 'new',
      image: 'x',
      since: '2026-01-02T03:04:05.000Z',
    } as const;
    await directory.claim(test.host.directories, journal, 'raw');
    await assert.rejects(directory.claim(test.host.directories, journal, 'raw'), { code: 'EEXIST' });
    assert.ok(existsSync(join(directory.path, 'journal.json')));
  });

  it('whose disk came into its place meanwhile keeps it, and the claim leaves nothing', async function () {
    const test = await openTestHost(this, []);
    const directory = new VmDirectory(test.directory('new'));
    mkdirSync(dirname(directory.disk('raw')), { recursive: true });
    writeFileSync(directory.disk('raw'), 'precious');
    const since = '2026-01-02T03:04:05.000Z';
    const journal = { operation: 'create', uri: test.host.uri, name: 'new', image: 'x', since } as const;
    await assert.rejects(directory.claim(test.host.directories, journal, 'raw'), { code: 'EEXIST' });
    assert.equal(readFileSync(directory.disk('raw'), 'utf8'), 'precious');
    assert.ok(!existsSync(directory.path));
  });
});

describe('a VM that nothing is known of', () => {
  async function leaveUnknown(context: Mocha.Context): Promise<TestClient> {
    const test = await openTestClient(context, [{ name: 'lost', state: 'shut off' }]);
    await (await test.client.find('lost')).domain.undefine();
    return test;
  }

  it('is listed and refused for adoption, with the reason', async function () {
    const test = await leaveUnknown(this);
    const id = uuidFor('lost').slice(0, 8);
    const [left] = await test.client.listLeftBehind();
    assert.equal(left?.name, undefined);
    const error = await rejectsWithCode('VM_LEFT_BEHIND', () => test.client.adopt(id));
    assert.match(error.remedy ?? '', /It has no record of what it was \(.*vm\.json\)/);
  });

  it("is removed only by force: it may be another libvirt's", async function () {
    const test = await leaveUnknown(this);
    const id = uuidFor('lost').slice(0, 8);
    const error = await rejectsWithCode('VM_LEFT_BEHIND', () => test.client.remove(id));
    assert.match(error.remedy ?? '', /rm --force/);
    assert.ok(existsSync(diskOf(test, 'lost')));
    await test.client.remove(id, { force: true });
    assert.ok(!existsSync(diskOf(test, 'lost')) && !existsSync(test.directory('lost')));
  });

  it("is another libvirt's where its record says so: neither listed nor touched", async function () {
    const test = await loseVm(this);
    const file = join(test.directory('lost'), 'vm.json');
    const kept = JSON.parse(readFileSync(file, 'utf8')) as object;
    writeFileSync(file, JSON.stringify({ ...kept, uri: 'qemu:///embed?root=/elsewhere' }));
    assert.deepEqual(await test.client.listLeftBehind(), []);
    await rejectsWithCode('VM_NOT_FOUND', () => test.client.remove('lost', { force: true }));
    assert.ok(existsSync(diskOf(test, 'lost')));
  });
});

describe('the files of a VM that was removed from libvirt together with its disk', () => {
  /** As `virsh undefine --remove-all-storage` leaves it. */
  async function removeElsewhere(context: Mocha.Context): Promise<TestHost> {
    const test = await openTestHost(context, [{ name: 'gone', state: 'shut off' }]);
    const vm = await findVirtualMachine(test.host, 'gone');
    await keepDefinition(test.host, vm);
    const file = new VmDirectory(test.directory('gone')).keptDefinition;
    const kept = JSON.parse(readFileSync(file, 'utf8')) as object;
    // libvirt's test driver has no disks: the record is given the one that QEMU's would have.
    const disks = [{ path: test.disk('gone'), directory: statSync(dirname(test.disk('gone'))).ino }];
    writeFileSync(file, JSON.stringify({ ...kept, disks }));
    await vm.domain.undefine();
    return test;
  }

  it('are swept by the next command that makes or removes VMs, which says so', async function () {
    const test = await removeElsewhere(this);
    rmSync(test.disk('gone'));
    await recoverAbandoned(test.host);
    assert.ok(!existsSync(test.directory('gone')));
    assert.match(
      test.said.join('\n'),
      /The VM gone was removed from libvirt with its disk: removing its keys and logs/,
    );
  });

  it('stay while the disk is there', async function () {
    const test = await removeElsewhere(this);
    await recoverAbandoned(test.host);
    assert.ok(existsSync(test.directory('gone')));
  });

  it('stay where the disk lies on a file system that is not mounted now', async function () {
    const test = await removeElsewhere(this);
    const disks = dirname(test.disk('gone'));
    renameSync(disks, `${disks}.unmounted`);
    mkdirSync(disks);
    await recoverAbandoned(test.host);
    assert.ok(existsSync(test.directory('gone')));
  });

  it('stay where their record is damaged', async function () {
    const test = await removeElsewhere(this);
    rmSync(test.disk('gone'));
    const file = join(test.directory('gone'), 'vm.json');
    writeFileSync(file, readFileSync(file, 'utf8').slice(0, -20));
    await recoverAbandoned(test.host);
    assert.ok(existsSync(test.directory('gone')));
  });
});

describe('a domain that was copied from a VM with its record', () => {
  it("is not taken for the VM: neither listed, nor given the VM's keys, nor removed with its disk", async function () {
    const test = await openTestClient(this, [
      { name: 'original', state: 'shut off' },
      { name: 'copy', copyOf: 'original', state: 'shut off' },
    ]);
    assert.deepEqual(
      (await test.client.list()).map(({ name }) => name),
      ['original'],
    );
    const error = await rejectsWithCode('VM_FOREIGN', () => test.client.remove('copy', { force: true }));
    assert.match(error.message, /'copy' is a copy of a VM of podman-bootc's, made by another program/);
    assert.ok(existsSync(diskOf(test, 'original')));
  });
});
