import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { withoutInstalling } from './support/base-disk.js';
import { host, podmanBootc, soon, succeed } from './support/cli.js';
import { assertNoTraces, disks, traces, vms } from './support/leftovers.js';

const image = 'localhost/podman-bootc-demo:latest';

interface Listed {
  id: string;
  uuid: string;
  name: string;
  state: string;
}

async function listAll(): Promise<Listed[]> {
  return JSON.parse(await succeed('list', '--all', '--format', 'json')) as Listed[];
}

describe('a VM whose domain somebody undefined', () => {
  let initial: Record<string, string[]>;
  let id = '';
  let disk = '';

  before(async () => {
    initial = traces();
    await withoutInstalling(image);
    id = (await succeed('create', ...soon, image)).trim();
    const [vm] = await listAll();
    disk = join(disks, `${vm?.uuid ?? ''}.qcow2`);
    host('qemu-io', '-c', 'write -P 0x5a 9G 64k', disk);
    host('virsh', 'undefine', `podman-bootc-${id}`);
  });

  after(async () => {
    await podmanBootc('rm', '--force', '--all');
    await podmanBootc('disk', 'prune', '--all', '--force');
    assertNoTraces(initial);
  });

  it('is shown, by list --all, disk ls and doctor', async () => {
    assert.deepEqual(
      (await listAll()).map(({ name, state }) => [name, state]),
      [[`podman-bootc-${id}`, 'left behind']],
    );
    const outcome = await podmanBootc('disk', 'ls');
    assert.match(outcome.stderr, /One VM has disk or keys here and no domain in libvirt/);
    assert.match(outcome.stdout, new RegExp(`ready +podman-bootc-${id}$`, 'm'));
    const { stdout } = await podmanBootc('doctor');
    assert.match(stdout, new RegExp(`^warning +PB025 +left behind .*podman-bootc-${id}`, 'm'));
  });

  it('is not overwritten by the next VM of its image, and its base disk stays', async () => {
    for (const command of ['create', 'run']) {
      const outcome = await podmanBootc(command, image);
      assert.deepEqual([outcome.exitCode, outcome.stdout], [2, '']);
      assert.match(outcome.stderr, /no longer has the VM .*, but its disk is there: .*nothing was changed/);
    }
    assert.equal((await podmanBootc('disk', 'prune', '--all', '--force')).stdout, '');
    assert.match(host('qemu-io', '-r', '-c', 'read -P 0x5a 9G 64k', disk), /read 65536/);
  });

  it('boots again when it is adopted, with the same key, host key and disk', async () => {
    await succeed('adopt', id);
    await succeed('start', id);
    assert.equal(await succeed('ssh', id, 'echo in'), 'in\n');
    await succeed('stop', '--force', id);
    assert.match(host('qemu-io', '-r', '-c', 'read -P 0x5a 9G 64k', disk), /read 65536/);
  });

  it('is removed by its name', async () => {
    host('virsh', 'undefine', `podman-bootc-${id}`);
    await succeed('rm', `podman-bootc-${id}`);
    assert.ok(!existsSync(disk));
    assert.deepEqual(readdirSync(vms), []);
  });

  it('is swept with keys and logs where its disk went with its domain', async () => {
    await succeed('create', '--name', 'deleted', image);
    const directory = join(vms, host('virsh', 'domuuid', 'deleted').trim());
    host('virsh', 'undefine', '--nvram', '--remove-all-storage', 'deleted');
    assert.ok(existsSync(directory));
    const outcome = await podmanBootc('create', '--name', 'next', image);
    assert.match(outcome.stderr, /The VM deleted was removed from libvirt with its disk/);
    assert.ok(!existsSync(directory));
    await succeed('rm', 'next');
  });
});
