import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { host, podmanBootc, soon, startCli, succeed, until } from './support/cli.js';
import { assertNoTraces, traces, vms } from './support/leftovers.js';

const image = 'localhost/podman-bootc-demo:latest';
/** Its bootc waits in the middle of the install, with the loop device attached and the root mounted. */
const slowImage = 'localhost/podman-bootc-slow:latest';

/** Whether an install is at the point where the slow image waits. */
function isInstalling(): boolean {
  const { containers, loopDevices } = traces();
  return (
    containers?.some((name) => name.startsWith('podman-bootc-install-')) === true &&
    (loopDevices?.length ?? 0) > 0
  );
}

describe('an interrupted run', () => {
  let initial: Record<string, string[]>;

  beforeEach(() => {
    initial = traces();
  });

  afterEach(async () => {
    await podmanBootc('rm', '--force', '--all');
    // For the next test to install anew.
    await podmanBootc('disk', 'prune', '--all', '--force');
    assertNoTraces(initial);
  });

  it('killed during the install is cleaned up by the same run, which then succeeds', async () => {
    const running = startCli(['run', '--background', ...soon, slowImage]);
    await until('the install is under way', isInstalling, 120);
    running.child.kill('SIGKILL');
    await running.done;
    assert.ok(isInstalling(), 'the container outlives its client');
    assert.match(await succeed('disk', 'ls'), /interrupted/);

    const again = await podmanBootc('run', '--background', ...soon, slowImage);
    assert.equal(again.exitCode, 0, again.stderr);
    assert.match(again.stderr, /Cleaning up after an interrupted create/);
    assert.match(again.stderr, /Cleaning up after an interrupted install/);
    assert.deepEqual(traces().unfinishedBases, []);
    assert.deepEqual(traces().loopDevices, []);
    assert.deepEqual(traces().containers, initial.containers);
    assert.equal(await succeed('ssh', again.stdout.trim(), 'echo up'), 'up\n');
  });

  it('killed during the install is cleaned up by any command that changes VMs', async () => {
    const running = startCli(['run', '--background', ...soon, slowImage]);
    await until('the install is under way', isInstalling, 120);
    running.child.kill('SIGKILL');
    await running.done;
    assert.equal(await succeed('list', '-q'), '', 'a half-made VM is none');
    await podmanBootc('rm', 'nothing-of-that-name');
    assertNoTraces(initial);
  });

  it('killed right after the domain was defined is booted by the same run', async () => {
    const running = startCli(['run', '--background', ...soon, image]);
    await until(
      'the domain is defined',
      () => host('virsh', '-q', 'list', '--all', '--name').includes('podman-bootc-'),
      120,
    );
    running.child.kill('SIGKILL');
    await running.done;
    const again = await podmanBootc('run', ...soon, image, 'echo up');
    if (again.exitCode === 2) {
      // The kill came after the start: then the VM is complete and runs.
      assert.match(again.stderr, /running already/);
      assert.equal(await succeed('ssh', (await succeed('list', '-q')).trim(), 'echo up'), 'up\n');
    } else {
      assert.equal(again.stdout, 'up\n', again.stderr);
      assert.doesNotMatch(again.stderr, /to a disk of/, 'the disk is not installed again');
    }
    const [uuid = ''] = readdirSync(vms);
    assert.ok(!existsSync(join(vms, uuid, 'journal.json')) || again.exitCode === 2);
  });

  for (const [signal, exitCode] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    it(`ended by ${signal} during the install leaves nothing and exits ${exitCode}`, async () => {
      const running = startCli(['run', slowImage]);
      await until('the install is under way', isInstalling, 120);
      running.child.kill(signal);
      const outcome = await running.done;
      assert.equal(outcome.exitCode, exitCode, outcome.stderr);
      assert.match(outcome.stderr, /Interrupted by/);
      assertNoTraces(initial);
    });
  }

  it('ended by Ctrl-C while the guest boots leaves a running VM, and says how to get in', async () => {
    const running = startCli(['run', ...soon, '--name', 'patient', image]);
    await until('it boots', () => running.stderr().includes('Booting patient'), 120);
    running.child.kill('SIGINT');
    const outcome = await running.done;
    assert.equal(outcome.exitCode, 130, outcome.stderr);
    assert.match(outcome.stderr, /podman-bootc ssh patient/);
    assert.match(host('virsh', 'domstate', 'patient'), /running/);
  });
});
