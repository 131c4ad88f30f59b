import assert from 'node:assert/strict';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseStatus, type BootcStatus } from '../../src/bootc/status.js';
import { host, podmanBootc, soon, startCli, succeed, until, type Running } from './support/cli.js';
import { assertNoTraces, traces } from './support/leftovers.js';
import { Registry } from './support/registry.js';

const demo = 'localhost/podman-bootc-demo:latest';
const name = 'closed';

interface Inspected {
  directory: string;
  image: { reference: string; digest: string };
}

/** One VM of an image that was pulled, whose sshd forwards nothing. */
describe('a VM whose sshd forwards no ports', function () {
  this.timeout(900_000);
  // Each goes on where the one before has ended.
  this.bail(true);
  let initial: Record<string, string[]>;
  let registry: Registry;
  let reference: string;
  let layouts: string;
  let updateDisk: string;

  /** Puts one more version into the registry: one more layer, and a list of architectures that names it. */
  const publish = async (from: string): Promise<void> => {
    registry.push(from, 1, 'team/os:only');
    await registry.list('team/os:1', 'only');
  };
  const podmansDigest = (): string =>
    host('podman', 'image', 'inspect', '--format', '{{.Digest}}', reference).trim();
  const bootc = async (): Promise<BootcStatus> => parseStatus(await inGuest('bootc status --format json'));
  const inspect = async (): Promise<Inspected> => {
    const [vm] = JSON.parse(await succeed('inspect', name)) as Inspected[];
    assert.ok(vm);
    return vm;
  };
  const inGuest = async (command: string): Promise<string> => (await succeed('ssh', name, command)).trim();
  /** Waits until an update has the disk plugged in. */
  const untilPlugged = (running: Running): Promise<void> =>
    until(
      'the disk is plugged in',
      () => {
        assert.equal(running.child.exitCode, null, running.stderr());
        return existsSync(updateDisk) && blocks().includes(updateDisk);
      },
      300,
    );
  const blocks = (): string => host('virsh', 'domblklist', name);

  async function assertNothingLeft(): Promise<void> {
    assert.ok(!existsSync(updateDisk), updateDisk);
    assert.ok(!blocks().includes(updateDisk), blocks());
    const left =
      'ls -d /var/tmp/podman-bootc* /run/podman-bootc/* /etc/containers/registries.conf.d/*podman-bootc*';
    // Where podman-bootc was killed, the guest may still wait for a disk that is gone.
    await until(
      'nothing is left in the guest',
      async () => (await inGuest(`${left} 2>/dev/null; pgrep -f socket-activat[e]; true`)) === '',
      150,
    );
  }

  before(async () => {
    initial = traces();
    registry = await Registry.start();
    reference = `${registry.address}/team/os:1`;
    layouts = join(process.env.XDG_CACHE_HOME ?? '/var/cache', 'podman-bootc', 'layouts');
    await publish(demo);
    await succeed('run', '--background', '--wait', 'ssh', ...soon, '--name', name, reference);
    updateDisk = join((await inspect()).directory, 'update-disk.tar');
    await inGuest(
      'echo AllowTcpForwarding no > /etc/ssh/sshd_config.d/00-closed.conf; echo kept > /var/kept; sync; systemctl restart ssh',
    );
  });

  after(async () => {
    await podmanBootc('rm', '--force', '--all');
    await registry.stop();
    host('podman', 'rmi', '--force', '--ignore', reference);
    await podmanBootc('disk', 'prune', '--all');
    assertNoTraces(initial);
  });

  it('is left alone where it runs the image as it was pulled, whose digest is not what bootc says', async () => {
    assert.notEqual((await bootc()).booted?.digest, podmansDigest());
    const { stderr } = await podmanBootc('upgrade', name);
    assert.match(stderr, /runs the present version of .*team\/os:1 already/);
    assert.ok(!existsSync(layouts) || readdirSync(layouts).every((each) => !each.includes('team-os')));
  });

  it('gets what is new on a disk that is plugged in meanwhile, and goes on calling the image by its name', async () => {
    await publish(reference);
    const running = startCli(['upgrade', name]);
    await untilPlugged(running);
    const { size } = statSync(updateDisk);
    const outcome = await running.done;
    assert.equal(outcome.exitCode, 0, outcome.stderr);
    assert.match(outcome.stderr, /refuses to forward a port.*: the new version comes on a disk/);
    // The layer that is new, the manifest and the configuration.
    assert.ok(size > 1e6 && size < 1.1e6, String(size));
    assert.equal(await inGuest('cat /var/kept'), 'kept');
    assert.equal((await bootc()).reference, reference);
    await assertNothingLeft();
    // Its digest is another one than that of the registry, for its layers are not compressed.
    const again = await podmanBootc('upgrade', name);
    assert.match(again.stderr, /already/);
    assert.doesNotMatch(again.stderr, /refuses to forward/);
  });

  it('is rid of the disk with the next command where podman-bootc was killed', async () => {
    await publish(reference);
    const running = startCli(['upgrade', '--reboot', 'none', name]);
    await untilPlugged(running);
    running.child.kill('SIGKILL');
    await running.done;
    assert.ok(existsSync(updateDisk));
    await succeed('start', name);
    await assertNothingLeft();
  });

  it('gets it as an archive over SSH where it finds no disk', async () => {
    // So that the disk's name does not appear.
    await inGuest(
      'mkdir -p /run/udev/rules.d; ln -s /dev/null /run/udev/rules.d/60-persistent-storage.rules; udevadm control --reload',
    );
    // What a guest has of one that was cut off.
    await inGuest(
      'mkdir /var/tmp/podman-bootc-update.old; echo x > /var/tmp/podman-bootc-update.old/layers.tar',
    );
    const outcome = await podmanBootc('upgrade', name);
    assert.equal(outcome.exitCode, 0, outcome.stderr);
    assert.match(
      outcome.stderr,
      /comes on a disk[^\n]*\n[^\n]*the disk does not appear in it.*: the new version comes as an archive over SSH/,
    );
    assert.equal(await inGuest('cat /var/kept'), 'kept');
    await assertNothingLeft();
    const { image } = await inspect();
    assert.equal(image.reference, reference);
    assert.equal(
      image.digest,
      host('podman', 'image', 'inspect', '--format', '{{.Digest}}', reference).trim(),
    );
  });
});
