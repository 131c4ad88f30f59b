import assert from 'node:assert/strict';
import { podmanBootc, soon, succeed } from './support/cli.js';
import { assertNoTraces, traces } from './support/leftovers.js';

/** An image with what README names: systemd-repart and systemd-growfs. */
const image = 'localhost/growing-root:latest';
const GiB = 1024 ** 3;

describe("a guest's root file system", () => {
  let initial: Record<string, string[]>;

  before(() => {
    initial = traces();
  });

  after(async () => {
    await podmanBootc('rm', '--force', 'large', 'base');
    await podmanBootc('disk', 'prune', '--all', '--force');
    assertNoTraces(initial);
  });

  // ext4 is what the image asks for.
  for (const filesystem of ['ext4', 'xfs'])
    it(`grows into a larger disk than that of the base (${filesystem}), by what the image brings`, async () => {
      await succeed('create', '--name', 'base', '--filesystem', filesystem, image);
      const outcome = await podmanBootc(
        ...['create', ...soon, '--name', 'large', '--filesystem', filesystem, '--disk-size', '16G', image],
      );
      assert.equal(outcome.exitCode, 0, outcome.stderr);
      assert.doesNotMatch(outcome.stderr, /to a disk of/, 'the base disk is that of the other VM');
      await succeed('start', 'large');
      const said = await succeed('ssh', 'large', 'df --block-size=1 --output=fstype,size /sysroot | tail -1');
      const [type, size] = said.trim().split(/ +/);
      assert.equal(type, filesystem);
      // All but the other partition and what the file system keeps for itself; the base has 10 GiB.
      assert.ok(Number(size) > 15 * GiB, said);
      await succeed('rm', '--force', 'large', 'base');
    });
});
