import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { host, podmanBootc, start, startCli, succeed, until } from './support/cli.js';
import { assertNoTraces, traces } from './support/leftovers.js';
import { Registry } from './support/registry.js';

const demo = 'localhost/podman-bootc-demo:latest';
const imageName = 'team/demo:1';
const payload = 60;
const name = 'pulled';

interface Event {
  type: string;
  stage: string;
  bytes: number;
  rate: number;
}

/** The registry has the demo and 60 MB more; the store has the demo, so those 60 MB are what a pull fetches. */
describe('an image of a registry', function () {
  let initial: Record<string, string[]>;
  let registry: Registry;
  let reference: string;
  let id: string;

  const remove = async (): Promise<void> => {
    await podmanBootc('rm', '--force', name);
    host('podman', 'rmi', '--force', '--ignore', reference);
  };
  const imageOfVm = async (): Promise<string> => {
    const vm = JSON.parse(await succeed('inspect', name)) as { image: { id: string } }[];
    return vm[0]?.image.id ?? '';
  };
  const isInStore = (): boolean => host('podman', 'images', '--quiet', reference) !== '';
  const temporary = (): string[] => readdirSync('/var/tmp').filter((entry) => /storage\d+$/.test(entry));

  before(async () => {
    initial = traces();
    registry = await Registry.start();
    reference = `${registry.address}/${imageName}`;
    id = registry.push(demo, payload, imageName);
  });

  afterEach(async () => {
    registry.rate = Infinity;
    await remove();
  });

  after(async () => {
    await registry.stop();
    await podmanBootc('disk', 'prune', '--all');
    assertNoTraces(initial);
  });

  it('is pulled, with bytes and rate meanwhile, and installed', async () => {
    registry.rate = 20e6;
    const running = startCli(['create', '--progress', 'json', '--name', name, reference]);
    const outcome = await running.done;
    assert.equal(outcome.exitCode, 0, outcome.stderr);
    const transfers = outcome.stderr
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Event)
      .filter(({ type, stage }) => type === 'transfer' && stage === 'image');
    assert.ok(transfers.length >= 3, outcome.stderr);
    const bytes = transfers.map((event) => event.bytes);
    assert.deepEqual(
      bytes,
      [...bytes].sort((a, b) => a - b),
    );
    const [first = 0, last = 0] = [bytes[0], bytes.at(-1)];
    assert.ok(first < 0.5 * payload * 1e6, `${first} bytes at first`);
    assert.ok(last > 0.7 * payload * 1e6 && last < 1.1 * payload * 1e6, `${last} bytes at last`);
    const rates = transfers.map((event) => event.rate / 1e6);
    assert.ok(Math.max(...rates) < 25 && Math.max(...rates) > 5, `${rates.join(', ')} MB/s`);
    assert.equal(await imageOfVm(), id);
  });

  it('is looked for anew with --pull, and taken as it is without', async () => {
    const before = id;
    await succeed('create', '--name', name, reference);
    id = registry.push(demo, 1, imageName);
    assert.notEqual(id, before);
    for (const [policy, expected] of [
      ['missing', before],
      ['newer', id],
    ] as const) {
      await succeed('create', '--replace', '--pull', policy, '--name', name, reference);
      assert.equal(await imageOfVm(), expected, policy);
    }
    // What is in the store will do where the registry is down, unless one insists.
    await registry.end();
    try {
      await succeed('create', '--replace', '--pull', 'newer', '--name', name, reference);
      assert.equal(await imageOfVm(), id);
      const outcome = await podmanBootc('create', '--replace', '--pull', 'always', '--name', name, reference);
      assert.equal(outcome.exitCode, 121, outcome.stderr);
      assert.match(outcome.stderr, /^Error: .* could not be pulled: the registry does not answer$/m);
      assert.equal(await imageOfVm(), id, 'the VM that was to be replaced is still there');
    } finally {
      await registry.serve();
    }
  });

  it('is refused to those who have not logged in, and there for those who have', async () => {
    // user:secret, bcrypt
    await registry.serve('user:$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a');
    const directory = mkdtempSync(join(tmpdir(), 'auth-'));
    process.env.REGISTRY_AUTH_FILE = join(directory, 'auth.json');
    writeFileSync(process.env.REGISTRY_AUTH_FILE, '{}');
    try {
      const refused = await podmanBootc('create', '--name', name, reference);
      assert.equal(refused.exitCode, 121, refused.stderr);
      assert.match(refused.stderr, /^Error: .*: the registry does not let you have it, or there is no such/m);
      assert.match(refused.stderr, new RegExp(`log in: podman login ${registry.address}`));
      const login = start('podman', ['login', '--username', 'user', '--password-stdin', registry.address], {
        input: 'secret',
      });
      assert.equal((await login.done).exitCode, 0, login.stderr());
      await succeed('create', '--name', name, reference);
    } finally {
      Reflect.deleteProperty(process.env, 'REGISTRY_AUTH_FILE');
      rmSync(directory, { recursive: true });
      await registry.serve();
    }
  });

  it('is not there under another tag or name, and the error says which', async () => {
    for (const missing of ['team/demo:2', 'team/none:1']) {
      const outcome = await podmanBootc('create', '--name', name, `${registry.address}/${missing}`);
      assert.equal(outcome.exitCode, 121, outcome.stderr);
      assert.match(outcome.stderr, /^Error: .*: the registry has no image of that name and tag$/m);
    }
  });

  it('leaves nothing when the pull is interrupted', async () => {
    id = registry.push(demo, payload, imageName);
    registry.rate = 5e6;
    const before = temporary();
    const running = startCli(['create', '--progress', 'json', '--name', name, reference]);
    await until('bytes come', () => running.stderr().includes('"type":"transfer"'));
    running.child.kill('SIGINT');
    const outcome = await running.done;
    assert.equal(outcome.exitCode, 130, outcome.stderr);
    assert.ok(!isInStore());
    assert.deepEqual(temporary(), before, "podman's temporary files");
    assert.equal(await succeed('list', '--all', '--quiet'), '');
    registry.rate = Infinity;
    await succeed('create', '--name', name, reference);
    assert.equal(await imageOfVm(), id);
  });
});
