import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { withoutInstalling } from './support/base-disk.js';
import { host, podmanBootc, soon, succeed, type Outcome } from './support/cli.js';
import { assertNoTraces, traces } from './support/leftovers.js';
import { rebuild } from './support/rebuild.js';

const image = 'localhost/rebuilt';
const version = '/usr/share/rebuilt/version';

interface Inspected {
  directory: string;
  disk: { path: string };
  disks: string[];
  image: { reference: string; digest: string; updated: string | null };
}

/** One VM, which is brought to version after version of its image. */
describe('a VM that is upgraded', function () {
  let initial: Record<string, string[]>;

  before(async () => {
    initial = traces();
    await withoutInstalling('localhost/podman-bootc-demo:latest');
    rebuild('rebuilt', { files: { [version]: '1\n' } }, 'localhost/podman-bootc-demo');
    await succeed('run', '--background', '--wait', 'ssh', ...soon, '--name', 'dev', image);
    await succeed('ssh', 'dev', 'echo kept > /var/kept; echo kept > /etc/kept; sync');
  });

  after(async () => {
    await podmanBootc('rm', '--force', '--all');
    host('podman', 'rmi', '--force', image);
    assertNoTraces(initial);
  });

  async function inspect(): Promise<Inspected> {
    const [vm] = JSON.parse(await succeed('inspect', 'dev')) as Inspected[];
    assert.ok(vm);
    return vm;
  }

  async function inGuest(command: string): Promise<string> {
    return (await succeed('ssh', 'dev', command)).trim();
  }

  /** Nothing of an update is left: no overlay, no journal, and the domain has the disk that it had. */
  async function assertSettled(): Promise<void> {
    const { directory, disk, disks } = await inspect();
    assert.ok(disks.includes(disk.path), disks.join(' '));
    for (const definition of ['--inactive', ...((await isRunning()) ? [''] : [])]) {
      const blocks = host('virsh', 'domblklist', ...(definition === '' ? [] : [definition]), 'dev');
      assert.match(blocks, new RegExp(`${disk.path}\\s*$`, 'm'));
    }
    assert.deepEqual(
      readdirSync(dirname(disk.path)).filter((name) => name.includes('update')),
      [],
    );
    for (const name of ['update.json', 'nvram.before']) assert.ok(!existsSync(join(directory, name)), name);
  }

  async function isRunning(): Promise<boolean> {
    return (await succeed('list', '--filter', 'name=dev', '--format', '{{.State}}')).trim() === 'running';
  }

  function assertUndone(outcome: Outcome, sentence: RegExp): void {
    assert.equal(outcome.exitCode, 119, outcome.stderr);
    assert.match(outcome.stderr, sentence);
  }

  it('is left alone where there is nothing new', async () => {
    const { stderr } = await podmanBootc('upgrade', 'dev');
    assert.match(stderr, /runs the present version of localhost\/rebuilt:latest already/);
    assert.equal((await inspect()).image.updated, null);
  });

  it('boots the new version, and keeps /var, changes in /etc, key and port', async () => {
    const digest = rebuild('rebuilt', { files: { [version]: '2\n' } });
    const offered = await podmanBootc('run', '--name', 'dev', image);
    assert.equal(offered.exitCode, 2, offered.stderr);
    assert.match(offered.stderr, /older version of the image .*\n.*`podman-bootc upgrade dev`/);
    const outcome = await podmanBootc('upgrade', '--health', `grep 2 ${version}`, 'dev');
    assert.equal(outcome.exitCode, 0, outcome.stderr);
    assert.equal(await inGuest(`cat ${version} /var/kept /etc/kept`), '2\nkept\nkept');
    const { image: recorded } = await inspect();
    assert.equal(recorded.digest, digest);
    assert.ok(recorded.updated !== null && Math.abs(Date.now() - Date.parse(recorded.updated)) < 300_000);
    await assertSettled();
    assert.equal(await inGuest('ls /etc/containers/registries.conf.d | grep podman-bootc; true'), '');
  });

  it('keeps to the present version where a rollback has been queued', async () => {
    await succeed('ssh', 'dev', 'bootc rollback');
    const { stderr } = await podmanBootc('upgrade', 'dev');
    assert.match(stderr, /A rollback was queued in dev; it is not any more/);
    const { status } = JSON.parse(await inGuest('bootc status --format json')) as {
      status: { rollbackQueued: boolean };
    };
    assert.equal(status.rollbackQueued, false);
  });

  it('gets a staged version with its next boot, which `stop` gives it the time for', async () => {
    rebuild('rebuilt', { files: { [version]: '3\n' } });
    const staged = await podmanBootc('upgrade', '--reboot', 'none', 'dev');
    assert.equal(staged.exitCode, 0, staged.stderr);
    assert.match(staged.stderr, /is staged in dev, and comes with its next boot/);
    assert.equal(await inGuest(`cat ${version}`), '2');
    const stopped = await podmanBootc('stop', 'dev');
    assert.match(stopped.stderr, /An update is staged in dev.* 5 minutes/);
    assert.match(stopped.stderr, /dev was shut down/);
    // One that is shut off is started first.
    const { stderr } = await podmanBootc('upgrade', 'dev');
    assert.match(stderr, /dev was not running: booting it/);
    assert.match(stderr, /already/);
    assert.equal(await inGuest(`cat ${version} /var/kept /etc/kept`), '3\nkept\nkept');
  });

  it('goes back to the version before', async () => {
    const outcome = await podmanBootc('rollback', 'dev');
    assert.equal(outcome.exitCode, 0, outcome.stderr);
    assert.equal(await inGuest(`cat ${version} /var/kept /etc/kept`), '2\nkept\nkept');
    await assertSettled();
  });

  it('runs the old version again when the new one is not healthy', async () => {
    rebuild('rebuilt', { files: { [version]: '4\n' } });
    assertUndone(
      await podmanBootc('upgrade', '--health', 'echo that is wrong; false', 'dev'),
      /was undone.*`echo that is wrong; false` ended with exit code 1: that is wrong/,
    );
    assert.equal(await inGuest(`cat ${version} /var/kept /etc/kept`), '2\nkept\nkept');
    await assertSettled();
    assert.ok((await succeed('logs', '--boot', 'failed', 'dev')).length > 0);
  });

  it('runs the old version again when nobody can log in to the new one', async () => {
    rebuild('rebuilt', { labels: { broken: 'sshd' } }, 'localhost/broken-sshd');
    assertUndone(await podmanBootc('upgrade', 'dev'), /was undone.*ssh\.service/);
    assert.equal(await inGuest(`cat ${version} /var/kept`), '2\nkept');
    await assertSettled();
  });

  it('is left as it is with --keep-failed, here by a panic, until it is rolled back', async () => {
    rebuild('rebuilt', { labels: { broken: 'kernel' } }, 'localhost/panics');
    const outcome = await podmanBootc('upgrade', '--keep-failed', 'dev');
    assertUndone(outcome, /is left as it is.*panic.*\n.*`podman-bootc rollback dev`/);
    assert.match(await succeed('logs', 'dev'), /Kernel panic/);
    await succeed('rollback', 'dev');
    assert.match(await succeed('logs', '--boot', 'failed', 'dev'), /Kernel panic/);
    assert.equal(await inGuest(`cat ${version} /var/kept`), '2\nkept');
    await assertSettled();
  });
});
