import assert from 'node:assert/strict';
import { withoutInstalling } from './support/base-disk.js';
import { host, podmanBootc, soon, startCli, succeed, until, type Outcome } from './support/cli.js';
import { assertNoTraces, traces } from './support/leftovers.js';
import { rebuild } from './support/rebuild.js';

const image = 'localhost/lively';
const share = '/usr/share/lively';

/** A service whose program is a file of the image, which writes what it was started with into /run. */
const unit = (word: string): string =>
  `[Unit]\nDescription=A service of a test\n[Service]\nExecStart=/bin/sh -c 'echo ${word} >/run/lively; exec sleep infinity'\n`;

/** One VM, whose files are changed while it runs. */
describe('a VM whose files are changed while it runs', function () {
  let initial: Record<string, string[]>;
  let bootId: string;

  before(async () => {
    initial = traces();
    await withoutInstalling('localhost/podman-bootc-demo:latest');
    rebuild(
      'lively',
      {
        files: {
          [`${share}/version`]: '1\n',
          [`${share}/gone`]: 'here\n',
          '/usr/lib/systemd/system/lively.service': unit('first'),
          '/usr/lib/systemd/system/other.service': unit('other'),
          '/etc/lively/image': '1\n',
          '/etc/lively/mine': '1\n',
        },
      },
      'localhost/podman-bootc-demo',
    );
    await succeed('run', '--background', '--wait', 'ssh', ...soon, '--name', 'dev', image);
    await inGuest('echo own >/etc/lively/mine; systemctl start lively.service; sync');
    bootId = await inGuest('cat /proc/sys/kernel/random/boot_id');
  });

  after(async () => {
    await podmanBootc('rm', '--force', '--all');
    host('podman', 'rmi', '--force', image);
    assertNoTraces(initial);
  });

  async function inGuest(command: string): Promise<string> {
    return (await succeed('ssh', 'dev', command)).trim();
  }

  async function live(...words: string[]): Promise<Outcome> {
    const outcome = await podmanBootc('upgrade', '--live', ...words, 'dev');
    assert.equal(outcome.exitCode, 0, outcome.stderr);
    return outcome;
  }

  async function assertNotRebooted(): Promise<void> {
    assert.equal(await inGuest('cat /proc/sys/kernel/random/boot_id'), bootId);
  }

  it('has nothing done to it where there is nothing new', async () => {
    const { stderr } = await live();
    assert.match(stderr, /has the files of the present version of localhost\/lively:latest already/);
    assert.equal(await inGuest('touch /usr/mine 2>&1 >/dev/null | grep -c Read-only'), '1');
  });

  it('gets changed files, loses removed ones, and has the unit restarted whose file is among them', async () => {
    rebuild('lively', {
      files: {
        [`${share}/version`]: '2\n',
        [`${share}/only-in-2`]: '2\n',
        [`${share}/gone`]: null,
        '/usr/lib/systemd/system/lively.service': unit('second'),
      },
    });
    const { stderr } = await live('--health', `grep 2 ${share}/version`);
    assert.match(stderr, /Changed: .*\/usr\/share\/lively\/version/);
    assert.match(stderr, /Removed: \/usr\/share\/lively\/gone/);
    assert.match(stderr, /Restarted: lively\.service$/m);
    assert.doesNotMatch(stderr, /\/etc/);
    assert.equal(
      await inGuest(`cat ${share}/version /run/lively; ls ${share}`),
      '2\nsecond\nonly-in-2\nversion',
    );
    await assertNotRebooted();
  });

  it('is brought to a second version from the first one, within seconds', async () => {
    rebuild('lively', { files: { [`${share}/version`]: '3\n', [`${share}/only-in-2`]: null } });
    const outcome = await live();
    assert.doesNotMatch(outcome.stderr, /Restarted/);
    assert.equal(await inGuest(`cat ${share}/version /run/lively; ls ${share}`), '3\nsecond\nversion');
  });

  it('has an overlay over /etc, and keeps there what somebody has changed', async () => {
    rebuild('lively', {
      files: { '/etc/lively/image': '4\n', '/etc/lively/mine': '4\n', '/etc/lively/new': '4\n' },
    });
    const { stderr } = await live();
    assert.match(stderr, /Left as they are, because they were changed in dev: \/etc\/lively\/mine$/m);
    assert.match(stderr, /\/etc of dev is an overlay until its next boot/);
    assert.equal(await inGuest('cd /etc/lively; cat image mine new'), '4\nown\n4');
    const again = await live();
    assert.match(again.stderr, /already/);
  });

  it('goes on after a podman-bootc that was killed: what is not known is done again', async () => {
    await inGuest(
      `mv /run/podman-bootc/live/record /run/podman-bootc/live/incoming; echo usr/share/lively/version >/run/podman-bootc/live/removing; rm ${share}/version`,
    );
    // Without its record, the guest is asked what it has booted.
    await live();
    assert.equal(await inGuest(`cat ${share}/version; ls /run/podman-bootc/live`), '3\netc\nrecord');
  });

  it('is refused another kernel, before anything has changed', async () => {
    const before = 'localhost/lively:before';
    host('podman', 'tag', image, before);
    const kernel = host('podman', 'run', '--rm', image, 'sh', '-c', 'echo /usr/lib/modules/*/vmlinuz').trim();
    rebuild('lively', { files: { [kernel]: 'another\n', [`${share}/version`]: '5\n' } });
    const outcome = await podmanBootc('upgrade', '--live', 'dev');
    assert.equal(outcome.exitCode, 119, outcome.stderr);
    assert.match(
      outcome.stderr,
      new RegExp(`come with a reboot only: ${kernel}\\n.*podman-bootc upgrade dev`),
    );
    assert.equal(await inGuest(`cat ${share}/version`), '3');
    host('podman', 'tag', before, image);
    host('podman', 'untag', before, before);
  });

  it('says when it is not healthy, and undoes nothing', async () => {
    rebuild('lively', { files: { [`${share}/version`]: '6\n' } });
    const outcome = await podmanBootc('upgrade', '--live', '--health', 'echo no; false', 'dev');
    assert.equal(outcome.exitCode, 119, outcome.stderr);
    assert.match(outcome.stderr, /exit code 1: no\n.*Nothing is undone/);
    assert.equal(await inGuest(`cat ${share}/version`), '6');
  });

  it('is brought to each new version as it comes, by watch', async () => {
    const watching = startCli(['watch', '--live', 'dev']);
    await until('the present one', () => watching.stdout().includes('unchanged in'), 120);
    rebuild('lively', { files: { [`${share}/version`]: '7\n' } });
    await until('the new one', () => watching.stdout().includes('live in'), 120);
    assert.equal(await inGuest(`cat ${share}/version`), '7');
    watching.child.kill('SIGINT');
    assert.equal((await watching.done).exitCode, 130);
  });

  it('is as it was installed after a restart', async () => {
    await succeed('restart', 'dev');
    assert.equal(
      await inGuest(`cat ${share}/version /etc/lively/image /etc/lively/mine; ls ${share} /etc/lively`),
      `1\n1\nown\n/etc/lively:\nimage\nmine\n\n${share}:\ngone\nversion`,
    );
  });

  it('gets all of it for real by an upgrade after that', async () => {
    await live();
    assert.equal(await inGuest(`cat ${share}/version /etc/lively/new`), '7\n4');
    await succeed('upgrade', 'dev');
    assert.equal(await inGuest(`cat ${share}/version /etc/lively/image /etc/lively/mine`), '7\n4\nown');
    await succeed('restart', 'dev');
    assert.equal(await inGuest(`cat ${share}/version; ls ${share}`), '7\nversion');
    const { stderr } = await live();
    assert.match(stderr, /already/);
  });
});
