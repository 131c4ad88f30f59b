import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { withoutInstalling } from './support/base-disk.js';
import { host, podmanBootc, startCli, succeed, until } from './support/cli.js';
import { assertNoTraces, traces } from './support/leftovers.js';

const image = 'localhost/podman-bootc-demo:latest';
const run = ['run', '-B', '--transient', '--cpus', '1', '--name', 'passing'];
/** What is waited for. The firmware's variables, which have an end too, are those of the others. */
const booted = [...run, '--firmware', 'bios'];

/** Waits until libvirt has forgotten the VM: nothing of its definition, NVRAM or TPM state is libvirt's then. */
async function untilForgotten(): Promise<void> {
  await until(
    'libvirt forgets it',
    () => !host('virsh', '-q', 'list', '--all', '--name').includes('passing'),
    300,
  );
}

describe('a transient VM', () => {
  let initial: Record<string, string[]>;

  before(async () => {
    initial = traces();
    await withoutInstalling(image);
    await succeed('create', '--name', 'stays', image);
  });

  after(async () => {
    await podmanBootc('rm', '--force', 'passing', 'stays');
    await podmanBootc('disk', 'prune', '--all', '--force');
    assertNoTraces(initial);
  });

  const boot = (): Promise<string> => succeed('ssh', 'passing', 'cat /proc/sys/kernel/random/boot_id');

  it('whose boot fails is gone, and no command for it is recommended', async () => {
    const running = startCli(['run', '--transient', '--name', 'passing', image, 'true']);
    // The stage, and not what is said of this host's firmware where it has no KVM.
    await until('it boots', () => /^\S+ firmware/m.test(running.stderr()), 120);
    process.kill(Number(readFileSync('/run/libvirt/qemu/passing.pid', 'utf8')), 'SIGKILL');
    const outcome = await running.done;
    assert.equal(outcome.exitCode, 124, outcome.stderr);
    assert.match(outcome.stderr, /ended unexpectedly while it was booting[^]*run it without --transient/);
    assert.doesNotMatch(outcome.stderr, /podman-bootc (?:start|logs) passing/);
    assert.doesNotMatch(await succeed('list', '--all'), /passing/);
  });

  it('is restarted by a reboot of its guest, and keeps its disk', async () => {
    await succeed(...booted, image);
    const first = await boot();
    await succeed('ssh', 'passing', 'touch /root/kept; sync');
    await succeed('restart', 'passing');
    assert.notEqual(await boot(), first);
    await succeed('ssh', 'passing', 'test -e /root/kept');
    assert.match(host('virsh', 'dominfo', 'passing'), /Persistent: +no/);
  });

  it('goes on when its guest reboots by itself', async () => {
    const first = await boot();
    await podmanBootc('ssh', 'passing', 'reboot');
    await until(
      'the guest is another boot',
      async () => {
        const now = await podmanBootc('ssh', 'passing', 'cat /proc/sys/kernel/random/boot_id');
        return now.exitCode === 0 && now.stdout !== first;
      },
      600,
    );
  });

  it('refuses what only one that stays can do, and its base disk is in use', async () => {
    for (const args of [
      ['set', '--label', 'a=b', 'passing'],
      ['rename', 'passing', 'other'],
    ]) {
      const outcome = await podmanBootc(...args);
      assert.equal(outcome.exitCode, 2, outcome.stderr);
      assert.match(outcome.stderr, /The VM passing is transient: /);
    }
    await succeed('rm', 'stays');
    const prune = await podmanBootc('disk', 'prune', '--all', '--force');
    assert.match(prune.stderr, /No base disk is unused/);
    await succeed('create', '--name', 'stays', image);
  });

  it('is gone when its guest powers off: at once for readers, with its files at the next command', async () => {
    const before = traces();
    assert.equal(before.directories?.length, 2);
    await podmanBootc('ssh', 'passing', 'poweroff');
    await succeed('wait', '--state', 'stopped', 'passing');
    await untilForgotten();
    assert.doesNotMatch(await succeed('list'), /passing/);
    assert.deepEqual(traces().tpm, initial.tpm, 'libvirt itself removes the TPM state');
    const next = await podmanBootc('rm', 'passing');
    assert.match(next.stderr, /The transient VM passing has ended: removing it/);
    assert.match(next.stderr, /There is no VM/);
    assert.equal(traces().directories?.length, 1);
    assert.equal(traces().disks?.length, 1);
  });

  const ends: Record<string, (pid: number) => unknown> = {
    'podman-bootc stop': () => succeed('stop', '--force', 'passing'),
    'podman-bootc rm': () => succeed('rm', '--force', 'passing'),
    'virsh destroy': () => host('virsh', 'destroy', 'passing'),
    'the death of its QEMU': (pid) => process.kill(pid, 'SIGKILL'),
  };
  for (const [what, end] of Object.entries(ends))
    it(`is gone without a trace after ${what}, and another of its name has nothing of it`, async () => {
      const before = traces();
      await succeed(...run, image);
      const pid = Number(readFileSync('/run/libvirt/qemu/passing.pid', 'utf8'));
      await end(pid);
      await untilForgotten();
      // Either has been removed already, or is by the next command that makes or removes VMs.
      await podmanBootc('rm', 'nothing-of-that-name');
      assertNoTraces(before);
    });

  it('takes the place of one that stays, with --replace, and the other way round', async () => {
    await succeed('create', '--cpus', '1', '--name', 'passing', image);
    const refused = await podmanBootc(...run, image);
    assert.match(refused.stderr, /was made with --transient unset, not set/);
    await succeed(...run, '--replace', image);
    assert.match(host('virsh', 'dominfo', 'passing'), /Persistent: +no/);
    await succeed('create', '--replace', '--name', 'passing', image);
    assert.match(host('virsh', 'dominfo', 'passing'), /Persistent: +yes/);
    await succeed('rm', 'passing');
  });

  it('is not combined with --rm, which ends with the session', async () => {
    const outcome = await podmanBootc('run', '--rm', '--transient', image, 'true');
    assert.equal(outcome.exitCode, 2);
    assert.match(outcome.stderr, /--rm cannot be combined with --transient/);
  });
});
