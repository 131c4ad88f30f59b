import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  type Stats,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withoutInstalling } from './support/base-disk.js';
import { host, podmanBootc, soon, startCli, succeed, until } from './support/cli.js';
import { assertNoTraces, bases, traces } from './support/leftovers.js';
import { rebuild } from './support/rebuild.js';

const image = 'localhost/podman-bootc-demo:latest';

interface Inspected {
  id: string;
  image: { reference: string | null };
  source: { path: string; format: string; inPlace: boolean };
  disk: { path: string; format: string; base: string | null };
  ssh: { identityFile: string; keys: string[] };
}

async function inspect(vm: string): Promise<Inspected> {
  const [inspected] = JSON.parse(await succeed('inspect', vm)) as Inspected[];
  assert.ok(inspected);
  return inspected;
}

/** What of a file nobody but its owner has a reason to change. */
function ownership({ uid, gid, mode, mtimeMs, size }: Stats): unknown[] {
  return [uid, gid, mode, mtimeMs, size];
}

describe('disks as files', () => {
  let initial: Record<string, string[]>;
  let directory: string;
  let base: string;
  const file = (name: string): string => join(directory, name);

  before(async () => {
    initial = traces();
    await withoutInstalling(image);
    const [key = ''] = readdirSync(bases);
    base = join(bases, key, 'disk.raw');
    directory = mkdtempSync(join(tmpdir(), 'disks-'));
  });

  after(async () => {
    await podmanBootc('rm', '--force', '--all');
    await podmanBootc('disk', 'prune', '--all', '--force');
    host('podman', 'rmi', '--force', 'localhost/rebuilt');
    rmSync(directory, { recursive: true });
    assertNoTraces(initial);
  });

  describe('to-disk', () => {
    it('writes the base disk that a VM would have, raw, sparse and under its name only when it is complete', async () => {
      const outcome = await podmanBootc('to-disk', image, file('my-os.raw'));
      assert.equal(outcome.exitCode, 0, outcome.stderr);
      assert.equal(outcome.stdout, `${file('my-os.raw')}\n`);
      assert.doesNotMatch(outcome.stderr, /Installing localhost/);
      host('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', base, file('my-os.raw'));
      const [written, installed] = [statSync(file('my-os.raw')), statSync(base)];
      assert.equal(written.size, installed.size);
      assert.ok(written.blocks < 1.2 * installed.blocks, `${written.blocks} blocks`);
      assert.equal(written.mode & 0o777, 0o644);
      assert.deepEqual(readdirSync(directory), ['my-os.raw']);
    });

    it('overwrites nothing unless it is told to', async () => {
      const before = statSync(file('my-os.raw'));
      const refused = await podmanBootc('to-disk', image, file('my-os.raw'));
      assert.equal(refused.exitCode, 2);
      assert.match(refused.stderr, /is there already; nothing was changed\n.*--overwrite/);
      assert.deepEqual(ownership(statSync(file('my-os.raw'))), ownership(before));
      await succeed('to-disk', '--overwrite', '--format', 'qcow2', image, file('my-os.raw'));
      const header = host('qemu-img', 'info', '--output=json', file('my-os.raw'));
      assert.equal((JSON.parse(header) as { format: string }).format, 'qcow2');
      rmSync(file('my-os.raw'));
    });

    it('leaves nothing under its name when it is killed, and what it leaves, the next one takes away', async () => {
      const partials = (): string[] => readdirSync(directory).filter((name) => name.startsWith('.'));
      const running = startCli(['to-disk', image, file('my-os.qcow2')]);
      await until('the file is being written', () =>
        partials().some((name) => statSync(file(name)).blocks > 0),
      );
      running.child.kill('SIGKILL');
      await running.done;
      assert.ok(!existsSync(file('my-os.qcow2')));
      assert.equal(partials().length, 1);
      await succeed('to-disk', image, file('my-os.qcow2'));
      assert.deepEqual(readdirSync(directory), ['my-os.qcow2']);
      host('qemu-img', 'compare', '-f', 'raw', '-F', 'qcow2', base, file('my-os.qcow2'));
    });

    it('leaves nothing when it is interrupted, or the file system is full, and says how much is missing', async () => {
      const running = startCli(['to-disk', image, file('other.vmdk')]);
      await until('the file is being written', () => readdirSync(directory).length > 1);
      running.child.kill('SIGINT');
      assert.equal((await running.done).exitCode, 130);
      assert.deepEqual(readdirSync(directory), ['my-os.qcow2']);
      const small = file('small');
      mkdirSync(small);
      host('mount', '-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', small);
      try {
        for (const format of ['raw', 'qcow2']) {
          const outcome = await podmanBootc('to-disk', '--format', format, image, join(small, 'disk'));
          assert.equal(outcome.exitCode, 122, outcome.stderr);
          assert.match(outcome.stderr, /has room for 16 MiB, .* too little; nothing of it was left there/);
          assert.deepEqual(readdirSync(small), []);
        }
      } finally {
        host('umount', small);
        rmSync(small, { recursive: true });
      }
    });

    it('puts a key into a disk, which is not kept for VMs then', async () => {
      const before = readdirSync(bases);
      const key = file('key');
      host('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'me', '-f', key);
      await succeed('to-disk', '--root-ssh-key', `${key}.pub`, '--size', '2G', image, file('keyed.raw'));
      assert.deepEqual(readdirSync(bases), before);
      assert.equal(statSync(file('keyed.raw')).size, 2 * 1024 ** 3);
      const [, line = ''] = readFileSync(`${key}.pub`, 'utf8').split(' ');
      host('grep', '--quiet', '--text', '--fixed-strings', line, file('keyed.raw'));
    });
  });

  describe('a VM of one', () => {
    it("is refused, before it is made, where libvirt's QEMU may not read the file", async () => {
      chmodSync(directory, 0o700);
      const outcome = await podmanBootc('create', '--name', 'over', '--disk', file('my-os.qcow2'));
      assert.equal(outcome.exitCode, 120, outcome.stderr);
      assert.match(outcome.stderr, /QEMU runs as the user \d+, who cannot read .*my-os\.qcow2/);
      chmodSync(directory, 0o755);
    });

    it('has an overlay of it, needs no podman, and leaves the file as it is', async () => {
      const before = ownership(statSync(file('my-os.qcow2')));
      const outcome = await startCli(
        // prettier-ignore
        ['run', ...soon, '--name', 'over', '--disk', file('my-os.qcow2'), '--identity', file('key'), 'touch', '/var/marker'],
        { env: { CONTAINER_HOST: 'unix:///nonexistent/podman.sock' } },
      ).done;
      assert.equal(outcome.exitCode, 0, outcome.stderr);
      const vm = await inspect('over');
      assert.deepEqual(vm.source, { path: file('my-os.qcow2'), format: 'qcow2', inPlace: false });
      assert.deepEqual([vm.image.reference, vm.disk.base, vm.disk.format], [null, null, 'qcow2']);
      assert.equal(vm.ssh.identityFile, file('key'));
      assert.match(await succeed('list'), /\n\w+ +my-os\.qcow2 +over /);
      assert.deepEqual(ownership(statSync(file('my-os.qcow2'))), before);
    });

    it('is the one that is booted next time, and is not updated without an image', async () => {
      const run = ['run', '--name', 'over', '--disk', file('my-os.qcow2')];
      const again = await podmanBootc(...run, 'true');
      assert.equal(again.exitCode, 2);
      assert.match(again.stderr, /The VM over of .*my-os\.qcow2 is running already/);
      const upgrade = await podmanBootc('upgrade', 'over');
      assert.equal(upgrade.exitCode, 2);
      assert.match(upgrade.stderr, /Expected an image to update over to, got none: it was made of the disk/);
      const inPlace = await podmanBootc(
        'create',
        '--name',
        'two',
        '--in-place',
        '--disk',
        file('my-os.qcow2'),
      );
      assert.match(inPlace.stderr, /The disk of the VM over is an overlay of .*, which must stay as it is/);
    });

    it('is brought to an image that is named, which writes nothing into the file', async () => {
      const before = ownership(statSync(file('my-os.qcow2')));
      const version = '/usr/share/rebuilt/version';
      rebuild('rebuilt', { files: { [version]: '2\n' } }, 'localhost/podman-bootc-demo');
      await succeed('upgrade', 'over', 'localhost/rebuilt');
      assert.equal(await succeed('ssh', 'over', `cat ${version}; ls /var/marker`), '2\n/var/marker\n');
      const vm = await inspect('over');
      assert.deepEqual(
        [vm.image.reference, vm.source.path],
        ['localhost/rebuilt:latest', file('my-os.qcow2')],
      );
      assert.deepEqual(ownership(statSync(file('my-os.qcow2'))), before);
      await succeed('rm', '--force', 'over');
      assert.ok(existsSync(file('my-os.qcow2')));
    });

    it('writes to it in place, alone, and leaves it when it is removed', async () => {
      const disk = ['--in-place', '--disk', file('keyed.raw')];
      const outcome = await podmanBootc(
        'run',
        '--rm',
        ...soon,
        '--name',
        'in-place',
        ...disk,
        'echo here > /var/marker; sync',
      );
      assert.equal(outcome.exitCode, 0, outcome.stderr);
      assert.match(outcome.stderr, /The disk .*keyed\.raw is yours, and stays/);
      // The owner that libvirt had given it to has given it back.
      assert.equal(statSync(file('keyed.raw')).uid, 0);
      await succeed('create', '--name', 'in-place', ...disk);
      for (const more of [disk, disk.slice(1)]) {
        const two = await podmanBootc('create', '--name', 'two', ...more);
        assert.match(two.stderr, /is that of the VM in-place already, which writes to it/);
      }
      assert.ok((await inspect('in-place')).source.inPlace);
      await succeed('rm', 'in-place');
      const second = await podmanBootc('run', '--rm', ...soon, '--name', 'again', ...disk, 'cat /var/marker');
      assert.equal(second.stdout, 'here\n', second.stderr);
      assert.ok(existsSync(file('keyed.raw')));
    });
  });
});
