import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { withoutInstalling } from './support/base-disk.js';
import { host, podmanBootc, soon, startCli, succeed } from './support/cli.js';
import { assertNoTraces, traces } from './support/leftovers.js';
import { rebuild } from './support/rebuild.js';

const demo = 'localhost/podman-bootc-demo:latest';
const version = '/usr/share/rebuilt/version';
const tags = ['a', 'b'] as const;

/**
 * How often something is killed, an update and a rollback by turns, at points spread evenly over the time that an update takes.
 * UPGRADE_KILL_POINTS says another number.
 */
const points = Number(process.env.UPGRADE_KILL_POINTS ?? 2);

interface Inspected {
  directory: string;
  disk: { path: string };
  image: { digest: string };
}

/** Two versions of one image, between which a VM goes to and fro. */
describe('an update or a rollback that is killed anywhere', function () {
  this.timeout(points * 600_000);
  let initial: Record<string, string[]>;
  const digests: Record<string, string> = {};
  let present = 'a';

  before(async () => {
    initial = traces();
    await withoutInstalling(demo);
    for (const tag of tags)
      digests[tag] = rebuild(`killed:${tag}`, { files: { [version]: `${tag}\n` } }, demo);
    host('podman', 'tag', 'localhost/killed:a', 'localhost/killed:latest');
    await succeed('run', '--background', '--wait', 'ssh', ...soon, '--name', 'killed', 'localhost/killed');
  });

  after(async () => {
    await podmanBootc('rm', '--force', '--all');
    host('podman', 'rmi', '--force', ...['a', 'b', 'latest'].map((tag) => `localhost/killed:${tag}`));
    assertNoTraces(initial);
  });

  /** Has the name of the image mean the other version. */
  function other(): void {
    present = present === 'a' ? 'b' : 'a';
    host('podman', 'tag', `localhost/killed:${present}`, 'localhost/killed:latest');
  }

  it('is finished or undone by the next update, whatever was going on', async () => {
    other();
    const begin = Date.now();
    await succeed('upgrade', 'killed');
    const duration = Date.now() - begin;
    for (let point = 0; point < points; point++) {
      const command = point % 2 === 0 ? 'upgrade' : 'rollback';
      if (command === 'upgrade') other();
      await succeed('ssh', 'killed', `echo ${point} >> /var/points; sync`);
      const delay = (duration * (point + 0.5)) / points;
      const running = startCli([command, 'killed'], { detached: true });
      const timer = setTimeout(() => {
        const { pid = 0 } = running.child;
        process.kill(point % 4 < 2 ? -pid : pid, 'SIGKILL');
      }, delay);
      await running.done;
      clearTimeout(timer);
      const what = `${command} killed after ${delay.toFixed(0)} of ${duration} ms (point ${point + 1} of ${points})`;
      // By turns what updates next, and what only starts it.
      if (point % 3 === 2) await succeed('start', 'killed');
      const next = await podmanBootc('upgrade', 'killed');
      assert.equal(next.exitCode, 0, `${what}\n${next.stderr}`);
      assert.equal((await succeed('ssh', 'killed', `cat ${version}`)).trim(), present, what);
      const written = Array.from({ length: point + 1 }, (_, index) => String(index)).join('\n');
      assert.equal((await succeed('ssh', 'killed', 'cat /var/points')).trim(), written, what);
      const [vm] = JSON.parse(await succeed('inspect', 'killed')) as Inspected[];
      assert.ok(vm);
      assert.equal(vm.image.digest, digests[present], what);
      assert.ok(!existsSync(join(vm.directory, 'update.json')), what);
      assert.deepEqual(
        readdirSync(dirname(vm.disk.path)).filter((name) => name.includes('update')),
        [],
        what,
      );
    }
  });
});
