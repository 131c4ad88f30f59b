import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { podmanBootc, succeed } from './support/cli.js';
import { bindMount, mountFileSystem } from './support/file-system.js';
import { assertNoTraces, disks, traces } from './support/leftovers.js';

const image = 'localhost/podman-bootc-demo:latest';
const GiB = 1024 ** 3;

for (const type of ['xfs', 'btrfs'] as const)
  describe(`raw disks on ${type}`, () => {
    it('share the space of the base disk, and are its copies', async () => {
      const initial = traces();
      using mounted = mountFileSystem(type, 20 * GiB);
      using _data = bindMount(join(mounted.path, 'data'), '/var/lib/podman-bootc');
      using _cache = bindMount(join(mounted.path, 'cache'), '/var/cache/podman-bootc');
      const before = traces();
      const used = (): number => {
        execFileSync('sync', ['--file-system', mounted.path]);
        const { bfree, blocks, bsize } = statfsSync(mounted.path);
        return (blocks - bfree) * bsize;
      };
      await succeed('create', '--name', 'overlay', image);
      const withBase = used();
      const outcome = await podmanBootc('create', '--disk-format', 'raw', '--name', 'copy', image);
      assert.equal(outcome.exitCode, 0, outcome.stderr);
      assert.doesNotMatch(outcome.stderr, /copied whole/);
      const more = used() - withBase;
      assert.ok(more < 64 * 1024 ** 2, `the copy takes ${more} bytes`);
      const [base] = JSON.parse(await succeed('disk', 'ls', '--format', 'json')) as { path: string }[];
      const [copy = ''] = readdirSync(disks).filter((name) => name.endsWith('.raw'));
      // The beginning, with its data: the rest is mostly holes, which take long to read.
      execFileSync('cmp', ['--bytes', String(GiB), base?.path ?? '', join(disks, copy)]);
      await succeed('rm', 'overlay', 'copy');
      await succeed('disk', 'prune', '--all', '--force');
      assertNoTraces(before);
      assert.deepEqual(before.domains, initial.domains);
    });
  });
