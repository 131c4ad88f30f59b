import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DamagedRecord } from '../../../src/durable-file.js';
import { findDisk, hasDisk } from '../../../src/domain/overlay.js';
import { buildXml, element } from '../../../src/domain/xml.js';
import { VmDirectory } from '../../../src/vm/files/vm-directory.js';
import { finishStep } from '../../../src/vm/update/finish.js';
import { readUpdate, writeUpdate, type UpdateJournal } from '../../../src/vm/update/journal.js';
import {
  asVirtualMachine,
  findVirtualMachine,
  type VirtualMachine,
} from '../../../src/vm/virtual-machine.js';
import { openTestHost, type TestHost } from '../../support/test-host.js';
import { testDomain } from '../../support/test-node.js';

describe('an update in whose middle podman-bootc was killed', () => {
  let test: TestHost;
  let directory: VmDirectory;
  let disk: string;

  /** A VM that does not run, whose disk is this file. */
  async function vmWith(file: string): Promise<VirtualMachine> {
    const domain = testDomain({ name: 'web', directory: directory.path, diskPath: disk });
    domain.children = domain.children.filter(
      (each) => typeof each === 'string' || each.name !== 'test:runstate',
    );
    const source = element('source', { file });
    const target = element('target', { dev: 'vda', bus: 'virtio' });
    domain.children.push(
      element('devices', {}, element('disk', { type: 'file', device: 'disk' }, source, target)),
    );
    const vm = await asVirtualMachine(await test.host.connection.defineDomain(buildXml(domain)));
    assert.ok(vm);
    return vm;
  }

  async function journal(phase: UpdateJournal['phase'], vm: VirtualMachine): Promise<UpdateJournal> {
    const found = findDisk(await vm.domain.getXml(), disk) ?? { target: 'vda', xml: '<disk/>' };
    const written: UpdateJournal = {
      version: 1,
      uri: test.host.uri,
      phase,
      since: '2026-01-02T03:04:05.000Z',
      image: { reference: 'localhost/web:2', id: 'cd'.repeat(32) },
      digests: ['sha256:2'],
      disk: { path: disk, ...found },
      overlay: directory.updateOverlay,
      nvram: directory.nvram,
    };
    await writeUpdate(directory, written);
    return written;
  }

  beforeEach(async function () {
    test = await openTestHost(this, []);
    directory = new VmDirectory(test.directory('web'));
    disk = test.disk('web');
    mkdirSync(directory.path, { recursive: true });
    mkdirSync(join(disk, '..'), { recursive: true });
    writeFileSync(disk, 'disk');
    writeFileSync(directory.updateOverlay, 'overlay');
    writeFileSync(directory.nvram, 'new variables');
    writeFileSync(directory.nvramBefore, 'old variables');
  });

  function assertEnded(): void {
    for (const file of [directory.update, directory.updateOverlay, directory.nvramBefore])
      assert.ok(!existsSync(file), file);
    assert.ok(existsSync(disk));
  }

  it('gets its disk and its variables back where it was being undone', async () => {
    const before = await vmWith(disk);
    const written = await journal('undo', before);
    const vm = await vmWith(directory.updateOverlay);
    assert.equal(await finishStep(test.host, vm, directory), undefined);
    assert.ok(hasDisk(await vm.domain.getXml(), disk));
    assert.ok(!hasDisk(await vm.domain.getXml(), written.overlay));
    assert.equal(readFileSync(directory.nvram, 'utf8'), 'old variables');
    assertEnded();
  });

  it('loses no variables written since, where it had been undone already', async () => {
    const vm = await vmWith(disk);
    await journal('undo', vm);
    await finishStep(test.host, vm, directory);
    assert.equal(readFileSync(directory.nvram, 'utf8'), 'new variables');
    assertEnded();
  });

  for (const phase of ['checkpoint', 'keep'] as const) {
    it(`leaves nothing behind where libvirt did not have the overlay yet, or no longer (${phase})`, async () => {
      const vm = await vmWith(disk);
      await journal(phase, vm);
      assert.equal(await finishStep(test.host, vm, directory), undefined);
      assert.equal(readFileSync(directory.nvram, 'utf8'), 'new variables');
      assertEnded();
      const recorded = (await findVirtualMachine(test.host, 'web')).metadata.image?.reference;
      assert.equal(recorded, phase === 'keep' ? 'localhost/web:2' : vm.metadata.image?.reference);
    });
  }

  for (const phase of ['boot', 'failed', 'keep'] as const) {
    it(`waits for what boots the VM (${phase})`, async () => {
      const written = await journal(phase, await vmWith(disk));
      const vm = await vmWith(directory.updateOverlay);
      assert.deepEqual(await finishStep(test.host, vm, directory), written);
      assert.ok(hasDisk(await vm.domain.getXml(), written.overlay));
      assert.ok(existsSync(directory.updateOverlay));
    });
  }

  it('is nobody else’s matter: one of another libvirt, and a damaged record, are left alone', async () => {
    const vm = await vmWith(directory.updateOverlay);
    const written = await journal('undo', vm);
    await writeUpdate(directory, { ...written, uri: 'qemu+ssh://elsewhere/system' });
    assert.equal(await finishStep(test.host, vm, directory), undefined);
    writeFileSync(directory.update, '{');
    assert.equal(await finishStep(test.host, vm, directory), undefined);
    assert.ok((await readUpdate(directory)) instanceof DamagedRecord);
    assert.ok(existsSync(directory.updateOverlay));
    assert.ok(hasDisk(await vm.domain.getXml(), directory.updateOverlay));
  });
});
