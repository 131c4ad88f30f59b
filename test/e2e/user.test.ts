import assert from 'node:assert/strict';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { host, soon, start, until, type Outcome } from './support/cli.js';
import { cli } from '../support/project.js';

const image = 'localhost/podman-bootc-demo:latest';

describe('an ordinary user with a connection to a rootful podman', () => {
  const state = process.env.TESTBED_STATE ?? '';
  const socket = join(state, 'tmp', 'podman', 'podman.sock');
  let service: ReturnType<typeof start>;

  // Longer than what libvirt's own socket paths leave room for.
  const home = join(state, 'home', 'maximiliane');

  /** Runs a program as the ordinary user. */
  const asUser = (...args: string[]): Promise<Outcome> =>
    start('test/testbed/as-user', ['env', `HOME=${home}`, ...args]).done;
  const podmanBootc = (...args: string[]): Promise<Outcome> => asUser(process.execPath, cli, ...args);

  before(async () => {
    assert.ok(state !== '', 'runs inside test/testbed/enter');
    mkdirSync(join(state, 'tmp', 'podman'), { recursive: true });
    service = start('podman', ['system', 'service', '--time', '0', `unix://${socket}`]);
    await until('podman listens', () => host('ss', '-lxH').includes(socket));
    chmodSync(socket, 0o666);
    assert.equal((await asUser('mkdir', '-p', home)).exitCode, 0);
    const added = await asUser('podman', 'system', 'connection', 'add', 'rootful', `unix://${socket}`);
    assert.equal(added.exitCode, 0, added.stderr);
  });

  after(async () => {
    await podmanBootc('rm', '--force', '--all');
    service.child.kill();
    await service.done;
  });

  it('is told what is missing when there is neither machine nor root', async () => {
    const outcome = await podmanBootc('run', image);
    assert.equal(outcome.exitCode, 120);
    assert.match(
      outcome.stderr,
      /none is usable: there is no podman machine[^]*podman machine init --rootful --now/,
    );
  });

  it("runs a VM under the user's own session daemon, with everything in the home directory", async () => {
    const outcome = await podmanBootc('run', '--podman', 'rootful', ...soon, image, 'id -un');
    assert.equal(outcome.stdout, 'root\n', outcome.stderr);
    assert.match(outcome.stderr, /Installing through podman connection rootful/);
    const listed = JSON.parse((await podmanBootc('list', '--format', 'json')).stdout) as {
      disk: { path: string };
    }[];
    assert.ok(listed[0]?.disk.path.startsWith(join(home, '.local/share/podman-bootc/disks/')));
    assert.match(
      (await asUser('virsh', '-c', 'qemu:///session', 'list', '--title')).stdout,
      /running +podman-bootc: /,
    );
    assert.doesNotMatch(host('virsh', 'list', '--all'), /podman-bootc/, "root's libvirt knows nothing of it");
  });

  it('is told that the home directory is read-only, and the VM goes on', async () => {
    host('mount', '--bind', home, home);
    host('mount', '-o', 'remount,bind,ro', home);
    try {
      for (const args of [
        ['create', '--podman', 'rootful', '--name', 'other', image],
        ['rm', '--force', '--all'],
      ]) {
        const outcome = await podmanBootc(...args);
        assert.notEqual(outcome.exitCode, 0);
        assert.equal(outcome.stdout, '');
        assert.match(
          outcome.stderr,
          /^Error: The file system is read-only: \/.*\/\.local\/share\/podman-bootc/m,
        );
        assert.doesNotMatch(outcome.stderr, /^\s+at |EROFS/m);
      }
    } finally {
      host('umount', home);
    }
    const listed = JSON.parse((await podmanBootc('list', '--format', 'json')).stdout) as { state: string }[];
    assert.deepEqual(
      listed.map(({ state }) => state),
      ['running'],
    );
  });

  it('removes it without a trace', async () => {
    const id = (await podmanBootc('list', '-q')).stdout.trim();
    const outcome = await podmanBootc('rm', '-f', id);
    assert.equal(outcome.exitCode, 0, outcome.stderr);
    // QEMU's log is libvirt's, which keeps it, and locks stay by design.
    const found = await asUser('find', home, '-name', `*${id.slice(0, 8)}*`);
    const left = found.stdout.split('\n').filter((file) => !/\.(log|lock)$/.test(file));
    assert.deepEqual(left, ['']);
  });

  it('is refused a rootless connection in a sentence', async () => {
    const own = join(state, 'run', 'own.sock');
    const rootless = start('test/testbed/as-user', [
      'env',
      `HOME=${home}`,
      'podman',
      'system',
      'service',
      '--time',
      '30',
      `unix://${own}`,
    ]);
    try {
      await until('podman listens', () => host('ss', '-lxH').includes(own));
      await asUser('podman', 'system', 'connection', 'add', 'rootless', `unix://${own}`);
      const outcome = await podmanBootc('run', '--podman', 'rootless', image);
      assert.equal(outcome.exitCode, 120, outcome.stderr);
      assert.match(outcome.stderr, /rootless is rootless, and bootc installs only from a rootful podman/);
    } finally {
      rootless.child.kill();
      await rootless.done;
    }
  });
});
