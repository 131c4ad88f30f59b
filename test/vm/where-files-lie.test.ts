import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeVirtualMachine } from '../../src/vm/change/remove.js';
import { directoryOf, findVirtualMachine, lookupDomain } from '../../src/vm/virtual-machine.js';
import { rejectsWithCode } from '../support/rejects.js';
import { temporaryDirectory } from '../support/temporary.js';
import { openTestClient, openTestHost } from '../support/test-host.js';
import { metadataFor, uuidFor } from '../support/test-node.js';

const uuid = uuidFor('web');

describe("where a VM's files lie", () => {
  const places: Record<string, [directory: string | undefined, disk: string | undefined, found: boolean]> = {
    'is what its record says': [`/srv/vms/${uuid}`, `/srv/disks/${uuid}.raw`, true],
    'is what its record says, wherever its disk is': [`/srv/vms/${uuid}`, '/mnt/other.raw', true],
    'is what its record says, also without a disk': [`/srv/vms/${uuid}`, undefined, true],
    'is told by the disk where an old record says no more': [undefined, `/srv/disks/${uuid}.raw`, true],
    'is not told by a disk that somebody has moved': [undefined, '/mnt/other.raw', false],
    "is not told by another one's disk": [undefined, `/srv/disks/${uuidFor('other')}.raw`, false],
    'is no directory that could be anything else': ['/srv', undefined, false],
    "is not another one's directory": [`/srv/vms/${uuidFor('other')}`, undefined, false],
    'is no path that leads elsewhere from each place': [`vms/${uuid}`, undefined, false],
  };
  for (const [what, [directory, diskPath, isFound]] of Object.entries(places)) {
    it(what, () => {
      const { disk, ...record } = metadataFor({
        name: 'web',
        directory,
        ...(diskPath !== undefined && { diskPath }),
      });
      const metadata = diskPath === undefined ? record : { ...record, disk };
      const found = directoryOf({ uuid, metadata } as Parameters<typeof directoryOf>[0]);
      assert.equal(found?.path, isFound ? `/srv/vms/${uuid}` : undefined);
    });
  }

  it('is where one of an earlier version, whose record tells only its disk, is started, stopped and removed', async function () {
    const { client, directory } = await openTestClient(this, [
      { name: 'old', state: 'shut off', directory: undefined },
      { name: 'copy', copyOf: 'old', state: 'shut off', directory: undefined },
    ]);
    await rejectsWithCode('VM_FOREIGN', () => client.remove('copy', { force: true }));
    const kept = join(directory('old'), 'vm.json');
    assert.equal((await client.start('old')).started, true);
    assert.ok(existsSync(kept));
    assert.equal((await client.inspect('old')).directory, directory('old'));
    await client.stop('old', { force: true });
    await client.remove('old');
    assert.ok(!existsSync(directory('old')));
  });

  it("is nobody else's: a record that names another directory has nothing removed there", async function () {
    const elsewhere = join(temporaryDirectory(this), 'precious');
    mkdirSync(elsewhere);
    writeFileSync(join(elsewhere, 'file'), 'x');
    const { host } = await openTestHost(this, [{ name: 'a', state: 'shut off', directory: elsewhere }]);
    await removeVirtualMachine(host, await findVirtualMachine(host, 'a'));
    assert.equal(await lookupDomain(host, { name: 'a' }), undefined);
    assert.ok(existsSync(join(elsewhere, 'file')));
  });
});
