import assert from 'node:assert/strict';
import { host, podmanBootc, startCli, succeed, until, type Outcome } from './support/cli.js';
import { assertNoTraces, traces } from './support/leftovers.js';

const image = 'localhost/podman-bootc-demo:latest';

/** How often each command is killed, at points spread evenly over the time that it takes: 100 in all. */
const points = { create: 34, remove: 34, rename: 12, base: 12, run: 8 };

/** Runs a command and kills it after so many milliseconds, unless it has ended by then. */
async function killedAfter(milliseconds: number, args: readonly string[]): Promise<Outcome> {
  const running = startCli(args);
  const timer = setTimeout(() => running.child.kill('SIGKILL'), milliseconds);
  const outcome = await running.done;
  clearTimeout(timer);
  return outcome;
}

/** How long a command takes that nobody kills, in milliseconds. */
async function durationOf(...args: readonly string[]): Promise<number> {
  const outcome = await podmanBootc(...args);
  assert.equal(outcome.exitCode, 0, outcome.stderr);
  return outcome.milliseconds;
}

async function names(): Promise<string[]> {
  const vms = JSON.parse(await succeed('list', '--format', 'json')) as { name: string }[];
  return vms.map(({ name }) => name).sort();
}

/** What a killed podman may still be about to end: a container that looks at the image, say. */
async function settled(initial: Record<string, string[]>): Promise<void> {
  await until(
    'what the killed command had started has ended',
    () => traces().containers?.join() === initial.containers?.join(),
    120,
  );
}

describe('podman-bootc, killed anywhere,', () => {
  let initial: Record<string, string[]>;
  /** At which point it was, for whoever reads a failure. */
  let point = '';

  before(async () => {
    initial = traces();
    // The base disk, so that what is killed is not always the install.
    await succeed('create', '--name', 'first', image);
    await succeed('rm', 'first');
  });

  afterEach(async function () {
    if (this.currentTest?.state === 'failed') console.log(`    at ${point}`);
    await podmanBootc('rm', '--force', '--all');
    await settled(initial);
    assertNoTraces(initial);
  });

  after(() => podmanBootc('disk', 'prune', '--all', '--force'));

  it('while it makes or removes a VM, leaves what the same command completes', async () => {
    const whole = {
      create: await durationOf('create', '--name', 'timed', image),
      remove: await durationOf('rm', 'timed'),
    };
    for (let index = 0; index < points.create; index++) {
      const fraction = index / points.create;
      const name = `killed-${index}`;
      point = `${fraction.toFixed(2)} of create`;
      const made = await killedAfter(whole.create * fraction, ['create', '--name', name, image]);
      if (made.stdout !== '') assert.deepEqual(await names(), [name], 'what was acknowledged is there');
      const again = await podmanBootc('create', '--name', name, image);
      if (again.exitCode === 0)
        assert.doesNotMatch(again.stderr, /to a disk of/, 'the base disk is still good');
      else assert.match(again.stderr, /exists already/);
      assert.deepEqual(await names(), [name]);
      assert.equal(traces().disks?.length, (initial.disks?.length ?? 0) + 1, 'one disk and no other');
      assert.equal(traces().directories?.length, (initial.directories?.length ?? 0) + 1);

      point = `${fraction.toFixed(2)} of rm`;
      await killedAfter(whole.remove * fraction, ['rm', name]);
      const gone = await podmanBootc('rm', name);
      if (gone.exitCode !== 0) assert.match(gone.stderr, /no VM with the name/);
      await settled(initial);
      assertNoTraces(initial);
    }
  });

  it('while it runs an image, leaves a VM or none, and the same command then runs it', async () => {
    const whole = await durationOf('run', '-B', '--name', 'timed', image);
    await succeed('rm', '--force', 'timed');
    for (let index = 0; index < points.run; index++) {
      point = `${index} of ${points.run} of run`;
      await killedAfter((whole * (index + 0.5)) / points.run, ['run', '-B', '--name', 'killed', image]);
      const again = await podmanBootc('run', '-B', '--name', 'killed', image);
      if (again.exitCode !== 0) assert.match(again.stderr, /running already/);
      assert.equal(host('virsh', 'domstate', 'killed').trim(), 'running');
      await succeed('rm', '--force', 'killed');
      await settled(initial);
      assertNoTraces(initial);
    }
  });

  it('while it installs a base disk, leaves nothing that the next one takes for a disk', async () => {
    await succeed('disk', 'prune', '--all', '--force');
    const whole = await durationOf('create', '--name', 'timed', image);
    for (let index = 0; index < points.base; index++) {
      point = `${index} of ${points.base} of installing`;
      await succeed('rm', '--purge', ...(await names()));
      await killedAfter((whole * (index + 0.5)) / points.base, [
        'create',
        '--name',
        `killed-${index}`,
        image,
      ]);
      // Every other time the rest is met by a command that wants the same disk, else by one that does not.
      if (index % 2 === 0) await succeed('create', '--name', `again-${index}`, image);
      else await podmanBootc('rm', 'nothing-of-that-name');
      await settled(initial);
      const { unfinishedBases, loopDevices } = traces();
      assert.deepEqual([unfinishedBases, loopDevices], [initial.unfinishedBases, initial.loopDevices]);
      if ((await names()).length === 0) await succeed('create', '--name', `again-${index}`, image);
    }
  });
});
