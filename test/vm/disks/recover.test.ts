import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { listLeftBehind } from '../../../src/vm/left-behind.js';
import { acquireLock } from '../../../src/vm/host/lock.js';
import { recoverAbandoned } from '../../../src/vm/disks/recover.js';
import { listUnfinished } from '../../../src/vm/virtual-machine.js';
import { VmDirectory, type Journal } from '../../../src/vm/files/vm-directory.js';
import { openTestHost, type TestHost } from '../../support/test-host.js';
import { uuidFor } from '../../support/test-node.js';

describe('what a killed command left', () => {
  async function leave(
    test: TestHost,
    name: string,
    operation: Journal['operation'],
    uri = test.host.uri,
  ): Promise<string> {
    const directory = test.directory(name);
    mkdirSync(directory, { recursive: true });
    writeFileSync(test.disk(name), 'data');
    await new VmDirectory(directory).writeJournal({
      operation,
      uri,
      name,
      image: 'quay.io/test/os:1',
      since: '2026-01-02T03:04:05.000Z',
    });
    return directory;
  }

  for (const operation of ['create', 'remove'] as const) {
    it(`is deleted when a ${operation} has no domain`, async function () {
      const test = await openTestHost(this, []);
      const directory = await leave(test, 'gone', operation);
      await recoverAbandoned(test.host);
      assert.ok(!existsSync(directory) && !existsSync(test.disk('gone')));
      assert.match(
        test.said.join('\n'),
        new RegExp(`interrupted ${operation} of VM ${uuidFor('gone').slice(0, 8)}`),
      );
    });

    it(`is a complete VM when a ${operation} has its domain`, async function () {
      const test = await openTestHost(this, [{ name: 'whole', state: 'shut off' }]);
      const directory = await leave(test, 'whole', operation);
      await recoverAbandoned(test.host);
      assert.ok(existsSync(test.disk('whole')));
      assert.ok(!existsSync(join(directory, 'journal.json')));
    });
  }

  for (const name of [undefined, 'journal.json.new']) {
    it(`is deleted when ${name === undefined ? 'nothing' : 'only a journal that was not finished'} is in it, but no disk is`, async function () {
      const test = await openTestHost(this, [{ name: 'other', state: 'shut off' }]);
      const directory = test.directory('blank');
      mkdirSync(directory, { recursive: true });
      if (name !== undefined) writeFileSync(join(directory, name), '{"operation":');
      writeFileSync(test.disk('blank'), 'data');
      // Complete VMs have files, but not these tests' VMs.
      writeFileSync(join(test.directory('other'), 'id_ed25519'), '');
      await recoverAbandoned(test.host);
      assert.ok(!existsSync(directory) && existsSync(test.disk('blank')));
      assert.ok(existsSync(test.directory('other')));
    });
  }

  it('is left alone while its lock is held: somebody is at work', async function () {
    const test = await openTestHost(this, []);
    const directory = await leave(test, 'busy', 'create');
    const lock = await acquireLock(test.host, uuidFor('busy'), { what: 'the VM busy' });
    await recoverAbandoned(test.host);
    assert.ok(existsSync(join(directory, 'journal.json')));
    await lock[Symbol.asyncDispose]();
    await recoverAbandoned(test.host);
    assert.ok(!existsSync(directory));
  });

  it('is left alone when its domain would be in another libvirt', async function () {
    const test = await openTestHost(this, []);
    const directory = await leave(test, 'elsewhere', 'create', 'qemu:///system');
    await recoverAbandoned(test.host);
    assert.ok(existsSync(test.disk('elsewhere')));
    assert.ok(existsSync(directory));
  });

  it('is not what has no journal: the VM of another libvirt, or of somebody who moved things', async function () {
    const test = await openTestHost(this, []);
    const directory = test.directory('other');
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'id_ed25519'), '');
    await recoverAbandoned(test.host);
    assert.ok(existsSync(directory));
  });

  it('is left alone when its journal cannot be read, which is said, and the next one is cleaned up', async function () {
    const test = await openTestHost(this, []);
    const whole = await leave(test, 'whole', 'create');
    const damages: [string, (file: string) => void][] = [
      [
        'cut',
        (file) => {
          writeFileSync(file, '{"operation":');
        },
      ],
      [
        'empty',
        (file) => {
          writeFileSync(file, '');
        },
      ],
      [
        'shape',
        (file) => {
          writeFileSync(file, '{"operation":"create"}');
        },
      ],
      [
        'flipped',
        (file) => {
          writeFileSync(file, readFileSync(file, 'utf8').replace('create', 'creatd'));
        },
      ],
      [
        'directory',
        (file) => {
          rmSync(file);
          mkdirSync(file);
        },
      ],
      [
        'fifo',
        (file) => {
          rmSync(file);
          execFileSync('mkfifo', [file]);
        },
      ],
    ];
    for (const [name, damage] of damages) damage(join(await leave(test, name, 'create'), 'journal.json'));
    await recoverAbandoned(test.host);
    assert.ok(!existsSync(whole));
    const said = test.said.join('\n');
    for (const [name] of damages) {
      assert.ok(existsSync(test.directory(name)) && existsSync(test.disk(name)), name);
      assert.equal(said.split(join(test.directory(name), 'journal.json')).length, 2, said);
    }
    assert.equal((await listLeftBehind(test.host)).length, damages.length);
    assert.deepEqual(await listUnfinished(test.host), []);
  });
});
