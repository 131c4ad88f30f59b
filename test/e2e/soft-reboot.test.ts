import assert from 'node:assert/strict';
import { withoutInstalling } from './support/base-disk.js';
import { host, podmanBootc, soon, succeed } from './support/cli.js';
import { assertNoTraces, traces } from './support/leftovers.js';
import { rebuild } from './support/rebuild.js';

const trixie = 'localhost/demo-trixie:latest';
const image = 'localhost/soft';
const version = '/usr/share/rebuilt/version';

/** Debian 13's systemd 257: one that has soft reboots, which begin with 254. */
describe('a VM whose guest can reboot softly', () => {
  let initial: Record<string, string[]>;

  before(async () => {
    initial = traces();
    await withoutInstalling(trixie);
    rebuild('soft', { files: { [version]: '1\n' } }, trixie);
    await succeed('run', '--background', '--wait', 'ssh', ...soon, '--name', 'soft', image);
  });

  after(async () => {
    await podmanBootc('rm', '--force', '--all');
    host('podman', 'rmi', '--force', image);
    assertNoTraces(initial);
  });

  async function inGuest(command: string): Promise<string> {
    return (await succeed('ssh', 'soft', command)).trim();
  }

  const bootId = (): Promise<string> => inGuest('cat /proc/sys/kernel/random/boot_id');
  const softReboots = (): Promise<string> => inGuest('systemctl show -P SoftRebootsCount');

  it('is brought to the new version by that: its kernel goes on', async () => {
    const boot = await bootId();
    await succeed('ssh', 'soft', 'echo kept > /var/kept');
    rebuild('soft', { files: { [version]: '2\n' } });
    const outcome = await podmanBootc('upgrade', '--reboot', 'soft', 'soft');
    assert.equal(outcome.exitCode, 0, outcome.stderr);
    assert.equal(await inGuest(`cat ${version} /var/kept`), '2\nkept');
    assert.equal(await bootId(), boot);
    assert.equal(await softReboots(), '1');
  });

  it('is booted in whole where the soft reboot leads nowhere', async () => {
    const boot = await bootId();
    rebuild('soft', { files: { [version]: '3\n' } });
    // It says that it can, and then does not.
    await succeed('ssh', 'soft', 'systemctl mask --runtime soft-reboot.target systemd-soft-reboot.service');
    const outcome = await podmanBootc('upgrade', 'soft');
    assert.equal(outcome.exitCode, 0, outcome.stderr);
    assert.match(outcome.stderr, /did not lead to localhost\/soft:latest: ending and booting soft/);
    assert.equal(await inGuest(`cat ${version} /var/kept`), '3\nkept');
    assert.notEqual(await bootId(), boot);
  });
});
