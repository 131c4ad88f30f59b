import assert from 'node:assert/strict';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { withoutInstalling } from './support/base-disk.js';
import { host, podmanBootc, startCli, succeed, until, type Outcome } from './support/cli.js';
import { cli } from '../support/project.js';
import { assertNoTraces, disks, traces, vms } from './support/leftovers.js';

const image = 'localhost/podman-bootc-demo:latest';
/** Of a guest whose boot nobody waits for, and which is not to keep more than one processor busy meanwhile. */
const run = ['run', '--background', '--cpus', '1'];

/** How often each command is killed, at points spread evenly over the time that it takes: more than 100 in all. */
const points = {
  'create and rm': 32,
  rename: 12,
  'run and rm --force': 7,
  'run --transient and stop': 6,
  'install and rm --purge': 8,
  adopt: 6,
  'create in another libvirt': 4,
  'create beside another host': 4,
};

/** What every VM that never ran has in its directory: a file more is left over, a file less a loss. */
const files = [
  'id_ed25519',
  'id_ed25519.pub',
  'known_hosts',
  'ssh_host_ed25519_key',
  'ssh_host_ed25519_key.pub',
  'tmpfiles.extra',
  'vm.json',
];

interface Listed {
  name: string;
  uuid: string;
  state: string;
}

/** Readers work whatever was killed. VMs that are half made or half removed are left out. */
async function list(): Promise<Listed[]> {
  const vms = JSON.parse(await succeed('list', '--format', 'json')) as Listed[];
  return vms.filter(({ state }) => !['creating', 'removing', 'interrupted'].includes(state));
}

async function names(): Promise<string[]> {
  return (await list()).map(({ name }) => name).sort();
}

/** How long a command takes that nobody kills: what it took the last time, because the machine may be busy by turns. */
class Duration {
  milliseconds: number;

  private constructor(outcome: Outcome) {
    assert.equal(outcome.exitCode, 0, outcome.stderr);
    ({ milliseconds: this.milliseconds } = outcome);
  }

  static async of(...args: readonly string[]): Promise<Duration> {
    return new Duration(await podmanBootc(...args));
  }

  /** Takes a run as the measure, if it did its work. */
  update({ exitCode, milliseconds }: Outcome): void {
    if (exitCode === 0) this.milliseconds = milliseconds;
  }
}

describe('podman-bootc, killed anywhere,', () => {
  let initial: Record<string, string[]>;
  /** At which point it was, for whoever reads a failure. */
  let point = '';
  /** At how many points there was something to clean up. */
  let halfDone = 0;

  /**
   * Runs a command and kills it after a part of its duration, unless it has ended by then: by turns the process alone,
   * whose children then live on, and its whole process group, as a terminal that is closed does.
   */
  async function killed(
    index: number,
    of: number,
    duration: Duration,
    ...args: readonly string[]
  ): Promise<Outcome> {
    const delay = (duration.milliseconds * (index + 0.5)) / of;
    const whole = index % 2 === 1;
    point = `podman-bootc ${args.join(' ')}, ${whole ? 'with its process group ' : ''}killed after ${delay.toFixed(0)} of ${duration.milliseconds} ms (point ${index + 1} of ${of})`;
    const running = startCli(args, { detached: true });
    const timer = setTimeout(() => {
      const { pid = 0 } = running.child;
      process.kill(whole ? -pid : pid, 'SIGKILL');
    }, delay);
    const outcome = await running.done;
    clearTimeout(timer);
    duration.update(outcome);
    if (journals().length > 0) halfDone++;
    return outcome;
  }

  function journals(): string[] {
    return (existsSync(vms) ? readdirSync(vms) : []).filter((uuid) =>
      existsSync(join(vms, uuid, 'journal.json')),
    );
  }

  /** Asserts that these VMs are all that there is, each with all that belongs to it. */
  async function assertOnly(...expected: readonly string[]): Promise<void> {
    const listed = await list();
    assert.deepEqual(listed.map(({ name }) => name).sort(), [...expected].sort());
    const uuids = listed.map(({ uuid }) => uuid).sort();
    // A container that looks at the image, say, ends by itself after the podman-bootc that started it.
    await until(
      'what the killed command had started has ended',
      () => traces().containers?.join() === initial.containers?.join(),
      120,
    );
    const { tpm = [], ...found } = traces();
    const { tpm: tpmBefore = [], ...before } = initial;
    assert.deepEqual(found, {
      ...before,
      domains: [...expected].sort(),
      directories: uuids,
      disks: uuids.map((uuid) => `${uuid}.qcow2`),
    });
    assert.deepEqual(
      tpm.filter((uuid) => !uuids.includes(uuid)),
      tpmBefore,
    );
    const volumes = host('virsh', '-q', 'vol-list', 'podman-bootc').matchAll(/^ *(\S+)/gm);
    assert.deepEqual(
      [...volumes].map(([, name]) => name).sort(),
      found.disks,
      'what libvirt shows of the pool',
    );
    for (const { uuid, state } of listed) {
      // A record that was half written goes with the next command that changes the VM.
      const present = readdirSync(join(vms, uuid)).filter((name) => !name.endsWith('.new'));
      if (state === 'shut off') assert.deepEqual(present.sort(), files);
    }
  }

  before(async () => {
    initial = traces();
    // So that what is killed is not always the install.
    await withoutInstalling(image);
    await succeed('create', '--name', 'bystander', image);
  });

  afterEach(async function () {
    if (this.currentTest?.state === 'failed') console.log(`      at ${point}`);
    await podmanBootc('rm', '--force', ...(await names()).filter((name) => name !== 'bystander'));
  });

  after(async () => {
    await podmanBootc('rm', '--force', '--all');
    await podmanBootc('disk', 'prune', '--all', '--force');
    assertNoTraces(initial);
  });

  it('while it makes or removes a VM, leaves what the same command completes', async () => {
    const create = await Duration.of('create', '--name', 'timed', image);
    const rm = await Duration.of('rm', 'timed');
    const count = points['create and rm'];
    halfDone = 0;
    for (let index = 0; index < count; index++) {
      const made = await killed(index, count, create, 'create', '--name', 'victim', image);
      const acknowledged = await names();
      assert.ok(acknowledged.includes('bystander'));
      if (made.stdout !== '') assert.ok(acknowledged.includes('victim'), 'what was acknowledged is there');
      const again = await podmanBootc('create', '--name', 'victim', image);
      create.update(again);
      if (again.exitCode === 0)
        assert.doesNotMatch(again.stderr, /to a disk of/, 'the base disk is still good');
      else assert.match(again.stderr, /exists already/);
      await assertOnly('bystander', 'victim');

      const removed = await killed(index, count, rm, 'rm', 'victim');
      if (removed.stderr.includes('Removed')) assert.deepEqual(await names(), ['bystander']);
      const gone = await podmanBootc('rm', 'victim');
      rm.update(gone);
      if (gone.exitCode !== 0) assert.match(gone.stderr, /There is no VM with the name/);
      await assertOnly('bystander');
    }
    assert.ok(halfDone > 0, 'some of these kills left something half done');
  });

  it('while it renames a VM, leaves it with one of the two names, and all that is in it', async () => {
    let [from, to] = ['first', 'second'];
    await succeed('create', '--name', from, image);
    const duration = await Duration.of('rename', from, 'timed');
    await succeed('rename', 'timed', from);
    const { uuid } = (await list()).find(({ name }) => name === from) ?? {};
    for (let index = 0; index < points.rename; index++) {
      const renamed = await killed(index, points.rename, duration, 'rename', from, to);
      const present = await names();
      if (renamed.stderr.includes('is named')) assert.ok(present.includes(to));
      assert.equal(present.length, 2, present.join());
      const again = await podmanBootc('rename', from, to);
      duration.update(again);
      if (again.exitCode !== 0) assert.match(again.stderr, /There is no VM with the name/);
      await assertOnly('bystander', to);
      assert.equal((await list()).find(({ name }) => name === to)?.uuid, uuid);
      [from, to] = [to, from];
    }
  });

  it('while it runs a VM or ends one, leaves a VM or none, and the same command completes it', async () => {
    const running = await Duration.of(...run, '--name', 'timed', image);
    const rm = await Duration.of('rm', '--force', 'timed');
    const count = points['run and rm --force'];
    for (let index = 0; index < count; index++) {
      const ran = await killed(index, count, running, ...run, '--name', 'victim', image);
      if (ran.stdout !== '') assert.ok((await names()).includes('victim'));
      const again = await podmanBootc(...run, '--name', 'victim', image);
      running.update(again);
      if (again.exitCode !== 0) assert.match(again.stderr, /running already/);
      assert.equal(host('virsh', 'domstate', 'victim').trim(), 'running');
      await assertOnly('bystander', 'victim');

      await killed(index, count, rm, 'rm', '--force', 'victim');
      const gone = await podmanBootc('rm', '--force', 'victim');
      rm.update(gone);
      if (gone.exitCode !== 0) assert.match(gone.stderr, /There is no VM with the name/);
      await assertOnly('bystander');
    }
  });

  it('while it runs a transient VM or stops it, leaves one or none', async () => {
    const transient = [...run, '--transient', '--name', 'victim', image];
    const stop = ['stop', '--force', 'victim'];
    const running = await Duration.of(...transient);
    const stopping = await Duration.of(...stop);
    const count = points['run --transient and stop'];
    for (let index = 0; index < count; index++) {
      const ran = await killed(index, count, running, ...transient);
      if (ran.stdout !== '') assert.ok((await names()).includes('victim'));
      const again = await podmanBootc(...transient);
      running.update(again);
      if (again.exitCode !== 0) assert.match(again.stderr, /running already/);
      assert.equal(host('virsh', 'domstate', 'victim').trim(), 'running');
      await assertOnly('bystander', 'victim');

      await killed(index, count, stopping, ...stop);
      const gone = await podmanBootc(...stop);
      stopping.update(gone);
      if (gone.exitCode !== 0) assert.match(gone.stderr, /There is no VM with the name/);
      await podmanBootc('rm', 'nothing-of-that-name');
      await assertOnly('bystander');
    }
  });

  it('while it installs or removes a base disk, leaves nothing that is taken for one', async () => {
    // Another size is another base disk.
    const create = ['create', '--disk-size', '3G', '--name', 'victim', image];
    const ours = async (): Promise<string[]> =>
      (JSON.parse(await succeed('disk', 'ls', '--format', 'json')) as { usedBy: string[]; size: number }[])
        .filter(({ size }) => size === 3 * 1024 ** 3)
        .map(({ usedBy }) => usedBy.join());
    const install = await Duration.of(...create);
    const rm = await Duration.of('rm', '--purge', 'victim');
    const count = points['install and rm --purge'];
    for (let index = 0; index < count; index++) {
      await killed(index, count, install, ...create);
      // Every third time the leftover is met by a command that does not want the same base disk.
      if (index % 3 === 2) await podmanBootc('rm', 'nothing-of-that-name');
      const again = await podmanBootc(...create);
      install.update(again);
      if (again.exitCode !== 0) assert.match(again.stderr, /exists already/);
      await assertOnly('bystander', 'victim');
      assert.deepEqual(await ours(), ['victim']);

      await killed(index, count, rm, 'rm', '--purge', 'victim');
      const gone = await podmanBootc('rm', '--purge', 'victim');
      rm.update(gone);
      if (gone.exitCode !== 0) assert.match(gone.stderr, /There is no VM with the name/);
      await assertOnly('bystander');
      // Killed between the VM and its base disk, it leaves an unused base disk, which is none's loss.
      await succeed('disk', 'prune', '--all', '--force');
      assert.deepEqual(await ours(), []);
    }
  });

  it('while it adopts a VM that libvirt has lost, leaves it lost or adopted, with its disk', async () => {
    await succeed('create', '--name', 'victim', image);
    const lose = (): string => host('virsh', 'undefine', '--nvram', 'victim');
    lose();
    const duration = await Duration.of('adopt', 'victim');
    for (let index = 0; index < points.adopt; index++) {
      lose();
      const adopted = await killed(index, points.adopt, duration, 'adopt', 'victim');
      if (adopted.stderr.includes('has its domain back')) assert.ok((await names()).includes('victim'));
      const again = await podmanBootc('adopt', 'victim');
      duration.update(again);
      if (again.exitCode !== 0) assert.match(again.stderr, /libvirt has the VM victim/);
      await assertOnly('bystander', 'victim');
    }
  });

  it("while it makes an image's unnamed VM in another libvirt, leaves the one of that uuid here as it is", async () => {
    const uri = `qemu:///embed?root=${join(process.env.TESTBED_STATE ?? '', 'embedded')}`;
    const id = (await succeed('create', image)).trim();
    const [name = ''] = (await names()).filter((each) => each.includes(id));
    const uuid = host('virsh', 'domuuid', name).trim();
    const disk = statSync(join(disks, `${uuid}.qcow2`));
    const elsewhere = ['--connect', uri];
    const create = await Duration.of('create', ...elsewhere, image);
    await succeed('rm', ...elsewhere, id);
    const count = points['create in another libvirt'];
    for (let index = 0; index < count; index++) {
      await killed(index, count, create, 'create', ...elsewhere, image);
      const again = await podmanBootc('create', ...elsewhere, image);
      if (again.exitCode !== 0) assert.match(again.stderr, /exists already/);
      await succeed('rm', ...elsewhere, id);
      const { ino, size } = statSync(join(disks, `${uuid}.qcow2`));
      assert.deepEqual([ino, size], [disk.ino, disk.size]);
      await assertOnly('bystander', name);
    }
  });

  it('while somebody with a /run and VMs of his own shares the cache, takes no base disk from him', async () => {
    // As in a second container: another /run and /var/lib, and a libvirt that is not ours.
    const state = join(process.env.TESTBED_STATE ?? '', 'neighbour');
    const neighbour = (command: string): string =>
      host(
        'unshare',
        '--mount',
        'sh',
        '-ec',
        `mkdir -p ${state}/data ${state}/run; mount --bind ${state}/data /var/lib/podman-bootc; mount --bind ${state}/run /run/podman-bootc; ${command}`,
      );
    const own = `${process.execPath} ${cli} --connect 'qemu:///embed?root=${state}/libvirt'`;
    // Another size is another base disk, which nobody here needs.
    const create = ['create', '--disk-size', '3G', '--name', 'victim', image];
    const shared = async (): Promise<string[]> =>
      (JSON.parse(await succeed('disk', 'ls', '--format', 'json')) as { usedBy: string[]; size: number }[])
        .filter(({ size }) => size === 3 * 1024 ** 3)
        .flatMap(({ usedBy }) => usedBy);
    neighbour(`${own} ${create.join(' ')}`);
    assert.deepEqual(await shared(), ['victim (elsewhere)']);
    const prune = await Duration.of('disk', 'prune', '--all', '--force');
    const count = points['create beside another host'];
    for (let index = 0; index < count; index++) {
      await killed(index, count, prune, 'disk', 'prune', '--all', '--force');
      await succeed('disk', 'prune', '--all', '--force');
      assert.deepEqual(await shared(), ['victim (elsewhere)']);
    }
    neighbour(`${own} rm victim`);
    assert.deepEqual(await shared(), []);
  });
});
