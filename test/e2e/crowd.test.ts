import assert from 'node:assert/strict';
import { withoutInstalling } from './support/base-disk.js';
import { host, podmanBootc, soon, startCli, succeed } from './support/cli.js';
import { assertNoTraces, traces } from './support/leftovers.js';

const image = 'localhost/podman-bootc-demo:latest';
const count = 20;
const names = Array.from({ length: count }, (_, index) => `crowd-${index + 1}`);

interface Listed {
  name: string;
  state: string;
  ssh: { port: number };
}

/** Runs one podman-bootc for each, all at once; each must succeed. */
async function allAtOnce(commands: readonly (readonly string[])[]): Promise<void> {
  const outcomes = await Promise.all(commands.map((args) => startCli(args).done));
  for (const [index, outcome] of outcomes.entries())
    assert.equal(outcome.exitCode, 0, `${commands[index]?.join(' ') ?? ''}\n${outcome.stderr}`);
}

describe(`${count} commands at once`, () => {
  let initial: Record<string, string[]>;

  before(async () => {
    initial = traces();
    await withoutInstalling(image);
    await allAtOnce(names.map((name) => ['create', ...soon, '--memory', '256M', '--name', name, image]));
  });

  after(async () => {
    await podmanBootc('rm', '--force', ...names);
    await podmanBootc('disk', 'prune', '--all', '--force');
    assertNoTraces(initial);
  });

  it('make as many VMs of one base disk, and start all of them, each with a port of its own', async () => {
    // Other tests leave base disks of their own.
    const bases = JSON.parse(await succeed('disk', 'ls', '--format', 'json')) as { usedBy: string[] }[];
    assert.deepEqual(
      bases
        .map(({ usedBy }) => usedBy.filter((user) => names.includes(user)).length)
        .filter((users) => users > 0),
      [count],
    );
    await allAtOnce(names.map((name) => ['start', name]));
    const vms = (JSON.parse(await succeed('list', '--format', 'json')) as Listed[]).filter(({ name }) =>
      names.includes(name),
    );
    assert.deepEqual(
      vms.map(({ state }) => state),
      names.map(() => 'running'),
    );
    assert.equal(new Set(vms.map(({ name }) => name)).size, count);
    assert.equal(new Set(vms.map(({ ssh }) => ssh.port)).size, count);
    const listening = host('ss', '--listening', '--tcp', '--numeric', '--no-header');
    for (const { name, ssh } of vms)
      assert.ok(listening.includes(` 127.0.0.1:${ssh.port} `), `${name}\n${listening}`);
  });

  it('end and remove all of them', async () => {
    await allAtOnce(names.map((name) => ['rm', '--force', name]));
    assert.doesNotMatch(await succeed('list'), /crowd-/);
  });
});
