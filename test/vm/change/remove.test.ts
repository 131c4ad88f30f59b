import assert from 'node:assert/strict';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeVirtualMachine } from '../../../src/vm/change/remove.js';
import { findVirtualMachine, lookupDomain } from '../../../src/vm/virtual-machine.js';
import { rejectsWithCode } from '../../support/rejects.js';
import { openTestHost } from '../../support/test-host.js';
import { temporaryDirectory } from '../../support/temporary.js';

describe('removing a VM', () => {
  it('deletes its domain and its directory, and no others', async function () {
    const { host, directory, disk } = await openTestHost(this, [
      { name: 'a', state: 'shut off' },
      { name: 'b', state: 'shut off' },
    ]);
    await removeVirtualMachine(host, await findVirtualMachine(host, 'a'));
    assert.equal(await lookupDomain(host, { name: 'a' }), undefined);
    assert.ok(!existsSync(directory('a')) && !existsSync(disk('a')));
    assert.ok(existsSync(directory('b')) && existsSync(disk('b')));
    assert.ok(await lookupDomain(host, { name: 'b' }));
  });

  for (const state of ['running', 'paused'] as const) {
    it(`refuses one that is ${state}, and changes nothing`, async function () {
      const { host, directory, disk } = await openTestHost(this, [{ name: 'a', state }]);
      const vm = await findVirtualMachine(host, 'a');
      const error = await rejectsWithCode('VM_RUNNING', () => removeVirtualMachine(host, vm));
      assert.match(error.message, new RegExp(`is ${state}`));
      assert.match(error.remedy ?? '', /rm -f/);
      assert.ok(existsSync(disk('a')));
      assert.ok(!existsSync(join(directory('a'), 'journal.json')));
    });
  }

  it('removes one whose directory somebody has deleted', async function () {
    const { host, directory, disk } = await openTestHost(this, [{ name: 'a', state: 'shut off' }]);
    rmSync(directory('a'), { recursive: true });
    await removeVirtualMachine(host, await findVirtualMachine(host, 'a'));
    assert.equal(await lookupDomain(host, { name: 'a' }), undefined);
    assert.ok(!existsSync(directory('a')) && !existsSync(disk('a')));
  });

  it('ends and removes a running one by force', async function () {
    const { host, directory } = await openTestHost(this, [{ name: 'a' }]);
    await removeVirtualMachine(host, await findVirtualMachine(host, 'a'), { force: true });
    assert.equal(await lookupDomain(host, { name: 'a' }), undefined);
    assert.ok(!existsSync(directory('a')));
  });

  for (const record of ['new', 'old'] as const) {
    it(`leaves a disk alone that is not where we keep disks, by a record of a ${record} version`, async function () {
      const elsewhere = join(temporaryDirectory(this), 'precious');
      mkdirSync(elsewhere);
      writeFileSync(join(elsewhere, 'disk.raw'), 'x');
      const { host, said, directory } = await openTestHost(this, [
        {
          name: 'a',
          state: 'shut off',
          diskPath: join(elsewhere, 'disk.raw'),
          ...(record === 'old' && { directory: undefined }),
        },
      ]);
      await removeVirtualMachine(host, await findVirtualMachine(host, 'a'));
      assert.ok(existsSync(join(elsewhere, 'disk.raw')));
      assert.match(said.join('\n'), /left alone/);
      assert.equal(existsSync(directory('a')), record === 'old');
    });
  }
});
