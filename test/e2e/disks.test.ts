import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { host, podmanBootc, soon, succeed } from './support/cli.js';
import { assertNoTraces, bases, disks, traces } from './support/leftovers.js';

const image = 'localhost/podman-bootc-demo:latest';

interface Base {
  key: string;
  path: string;
  state: string;
  usedBy: string[];
}

async function listBases(): Promise<Base[]> {
  return JSON.parse(await succeed('disk', 'ls', '--format', 'json')) as Base[];
}

function uuidOf(name: string): string {
  return host('virsh', 'domuuid', name).trim();
}

describe('base disks and overlays', () => {
  let initial: Record<string, string[]>;

  before(async () => {
    initial = traces();
    await succeed('create', ...soon, '--name', 'one', image);
  });

  after(async () => {
    await podmanBootc('rm', '--force', '--all');
    await podmanBootc('disk', 'prune', '--all', '--force');
    assertNoTraces(initial);
  });

  it('make a second VM of an image without installing it again', async () => {
    const outcome = await podmanBootc('create', '--name', 'two', image);
    assert.equal(outcome.exitCode, 0, outcome.stderr);
    assert.doesNotMatch(outcome.stderr, /to a disk of/);
    const [base] = await listBases();
    assert.deepEqual(base?.usedBy.sort(), ['one', 'two']);
    for (const name of ['one', 'two']) {
      assert.match(host('virsh', 'dumpxml', name), new RegExp(`disks/${uuidOf(name)}.qcow2[^]*${base.path}`));
    }
  });

  it('are one for an image, whether it is called by its tag, ID or digest, and got another tag meanwhile', async () => {
    const [id = '', digest = ''] = host(
      'podman',
      'image',
      'inspect',
      '--format',
      '{{.Id}} {{.Digest}}',
      image,
    )
      .trim()
      .split(' ');
    // It stands before the first one in the alphabet, and is the only one that podman tells of the ID: the other store's
    // name is not in it.
    host('podman', 'tag', image, 'localhost/another:newer');
    try {
      for (const word of [id.slice(0, 7), `localhost/podman-bootc-demo@${digest}`]) {
        await succeed('create', '--name', 'called', '--pull', 'never', word);
        const [vm] = JSON.parse(await succeed('inspect', 'called')) as { image: { reference: string } }[];
        assert.equal(vm?.image.reference, image);
        assert.equal((await listBases()).length, 1);
        await succeed('rm', 'called');
      }
    } finally {
      host('podman', 'untag', 'localhost/another:newer');
    }
  });

  it('are shown by libvirt as a storage pool', () => {
    const volumes = host('virsh', 'vol-list', 'podman-bootc');
    for (const name of ['one', 'two']) assert.ok(volumes.includes(`${uuidOf(name)}.qcow2`), volumes);
  });

  it('keep what each VM writes apart, and a larger disk is one for the guest', async () => {
    await succeed('create', ...soon, '--name', 'large', '--disk-size', '12G', image);
    const [base] = await listBases();
    const readers = (): string => (statSync(base?.path ?? '').mode & 0o777).toString(8);
    assert.equal(readers(), '440', 'nobody but root and QEMU reads what is in it');
    // As after a run under umask 077, of a version that opened base disks to all.
    const store = dirname(dirname(base?.path ?? ''));
    for (const path of [store, dirname(store), disks, dirname(disks)]) chmodSync(path, 0o700);
    chmodSync(base?.path ?? '', 0o444);
    await succeed('start', 'one', 'large');
    // libvirt has given it to QEMU's user meanwhile, and two VMs run on it.
    assert.equal(readers(), '440');
    await succeed('ssh', 'one', 'echo one > /root/mine; sync');
    await succeed('ssh', 'large', 'test ! -e /root/mine; echo large > /root/mine; sync');
    assert.equal(await succeed('ssh', 'one', 'cat /root/mine'), 'one\n');
    assert.equal((await succeed('ssh', 'large', 'cat /sys/block/vda/size')).trim(), String(12 * 2 ** 21));
    await succeed('rm', '--force', 'large', 'one');
    assert.ok(!existsSync(join(bases, 'large')));
  });

  it('are kept by rm, and removed by rm --purge with the last VM', async () => {
    assert.equal((await listBases()).length, 1);
    await succeed('create', '--name', 'three', image);
    const stays = await podmanBootc('rm', '--purge', 'three');
    assert.match(stays.stderr, /stays: other VMs need it/);
    assert.deepEqual((await listBases())[0]?.usedBy, ['two']);
  });

  it('are not pruned while a VM needs them, nor without being asked', async () => {
    const nothing = await podmanBootc('disk', 'prune', '--all', '--force');
    assert.equal(nothing.exitCode, 0);
    assert.match(nothing.stderr, /No base disk is unused/);
    await succeed('rm', 'two');
    const dry = await podmanBootc('disk', 'prune', '--all', '--dry-run');
    assert.match(dry.stderr, /Would free/);
    const unasked = await podmanBootc('disk', 'prune', '--all');
    assert.equal(unasked.exitCode, 2);
    assert.match(unasked.stderr, /--force/);
    assert.equal((await listBases()).length, 1);
    await succeed('create', '--name', 'last', image);
    await succeed('rm', '--purge', 'last');
    assert.deepEqual(await listBases(), []);
  });

  it('that are damaged are named, and neither used nor deleted', async () => {
    await succeed('create', '--name', 'victim', image);
    const overlay = join(disks, `${uuidOf('victim')}.qcow2`);
    const content = readFileSync(overlay);
    writeFileSync(overlay, 'not a disk');
    const broken = await podmanBootc('start', 'victim');
    assert.equal(broken.exitCode, 124);
    assert.match(broken.stderr, /is not the qcow2 image that it should be/);
    writeFileSync(overlay, content);

    const [base] = await listBases();
    assert.ok(base);
    const { size } = statSync(base.path);
    truncateSync(base.path, size - 4096);
    assert.match((await podmanBootc('start', 'victim')).stderr, /base disk .* is damaged/);
    const refused = await podmanBootc('create', '--name', 'other', image);
    assert.equal(refused.exitCode, 122, refused.stderr);
    assert.match(refused.stderr, /is damaged/);
    assert.equal((await listBases())[0]?.state, 'damaged');
    assert.equal((await podmanBootc('disk', 'prune', '--force')).exitCode, 0);
    assert.ok(existsSync(base.path), 'a VM needs it');
    await succeed('rm', 'victim');
    // It may be the record that is damaged: only who asks for all of them gets it deleted.
    await succeed('disk', 'prune', '--force');
    assert.ok(existsSync(base.path));
    await succeed('disk', 'prune', '--all', '--force');
    assert.ok(!existsSync(base.path));
  });

  it('are made once by 20 at a time, who get 20 names and ports', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `crowd-${index}`);
    const outcomes = await Promise.all(names.map((name) => podmanBootc('create', '--name', name, image)));
    for (const { exitCode, stderr } of outcomes) assert.equal(exitCode, 0, stderr);
    assert.equal(outcomes.filter(({ stderr }) => stderr.includes('to a disk of')).length, 1);
    const vms = JSON.parse(await succeed('list', '--format', 'json')) as {
      name: string;
      ssh: { port: number };
    }[];
    assert.deepEqual(vms.map(({ name }) => name).sort(), [...names].sort());
    assert.equal(new Set(vms.map(({ ssh }) => ssh.port)).size, 20);
    const [first, second] = await Promise.all([podmanBootc('rm', 'crowd-0'), podmanBootc('rm', 'crowd-0')]);
    assert.deepEqual([first.exitCode, second.exitCode].sort(), [0, 2]);
    assert.match(`${first.stderr}${second.stderr}`, /is gone|There is no VM/);
    await succeed('rm', '--all');
  });
});
