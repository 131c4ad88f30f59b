import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { isPlain } from '../../../src/terminal-text.js';
import { runInProcess } from '../../support/command-line.js';
import { assertMatchesSchema } from '../../support/schema.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { testNode, uuidFor } from '../../support/test-node.js';

describe('list and inspect', function () {
  this.timeout(30_000);
  let uri: string;
  const idOf = (name: string): string => uuidFor(name).replaceAll('-', '').slice(0, 12);

  before(function () {
    const file = join(temporaryDirectory(this), 'node.xml');
    writeFileSync(
      file,
      testNode([
        {
          name: 'web',
          image: 'quay.io/a/b:1',
          ports: [{ protocol: 'udp', address: '0.0.0.0', hostPort: 5353, guestPort: 53 }],
          labels: { stage: 'test', 'io.example/a': 'ü: "x"' },
        },
        { name: 'halted', state: 'paused' },
        { name: 'off', state: 'shut off', labels: { stage: 'production' } },
        { name: 'alien', ours: false },
      ]),
    );
    uri = `test://${file}`;
  });

  async function succeed(...args: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await runInProcess(['--connect', uri, ...args]);
    assert.deepEqual([exitCode, stderr], [0, ''], args.join(' '));
    return stdout;
  }

  it('prints JSON that the schema in the package describes', async () => {
    const json = await succeed('list', '--format', 'json');
    await assertMatchesSchema('list', json);
    const [halted, off, web] = JSON.parse(json) as Record<string, unknown>[];
    assert.deepEqual(
      [halted, off, web].map((vm) => [vm?.name, vm?.state, vm?.running]),
      [
        ['halted', 'paused', true],
        ['off', 'shut off', false],
        ['web', 'running', true],
      ],
    );
    assert.deepEqual([web?.cpus, web?.memory], [1, 64 * 1024 ** 2]);
    assert.deepEqual(web?.labels, { stage: 'test', 'io.example/a': 'ü: "x"' });
    assert.deepEqual(halted?.labels, {});
  });

  it('prints all of a VM by inspect, likewise', async () => {
    const json = await succeed('inspect', 'web', idOf('off'));
    await assertMatchesSchema('inspect', json);
    const [web, off] = JSON.parse(json) as Record<string, unknown>[];
    assert.deepEqual([web?.name, off?.name], ['web', 'off']);
    assert.deepEqual(web?.atNextStart, { cpus: 1, memory: 64 * 1024 ** 2 });
    assert.equal(web.autostart, false);
    assert.deepEqual(web.domain, {
      type: 'test',
      arch: 'i686',
      machine: '',
      firmware: 'bios',
      emulator: null,
      title: null,
    });
  });

  it('prints the same as YAML', async () => {
    for (const args of [['list'], ['inspect', 'web', 'off']]) {
      const json: unknown = JSON.parse(await succeed(...args, '--format', 'json'));
      assert.deepEqual(parse(await succeed(...args, '--format', 'yaml')), json);
    }
  });

  it("prints libvirt's XML by inspect", async () => {
    assert.match(await succeed('inspect', '--format', 'xml', 'web'), /^<domain type='test'[^]*<\/domain>\n$/);
  });

  it('prints a line per VM by a template', async () => {
    assert.equal(
      await succeed('list', '--format', String.raw`{{.Name}}\t{{.State}}\t{{index .Labels "stage"}}`),
      'halted\tpaused\t\noff\tshut off\tproduction\nweb\trunning\ttest\n',
    );
    assert.equal(
      await succeed('inspect', '--format', '{{.SSH.HostKeyAlias}}', 'web'),
      `podman-bootc-${idOf('web')}\n`,
    );
    assert.deepEqual(
      JSON.parse(await succeed('list', '--filter', 'name=web', '--format', '{{json .Labels}}')),
      {
        stage: 'test',
        'io.example/a': 'ü: "x"',
      },
    );
  });

  it('filters, in every format', async () => {
    const filter = ['--filter', 'label=stage', '--filter', 'state=running'];
    assert.equal(await succeed('list', '-q', ...filter), `${idOf('web')}\n`);
    assert.equal((JSON.parse(await succeed('list', ...filter, '--format', 'json')) as unknown[]).length, 1);
    assert.match(await succeed('list', ...filter), /^ID .*\n.* web .*\n$/);
    assert.equal(await succeed('list', '--filter', 'name=x*', '--format', 'json'), '[]\n');
    assert.equal(await succeed('list', '--filter', 'name=x*', '--format', '{{.Name}}'), '');
  });

  it('lists all VMs with and without -a, and whole uuids with --no-trunc', async () => {
    assert.equal(await succeed('list', '-a'), await succeed('list'));
    assert.deepEqual(
      (await succeed('list', '-q', '--no-trunc')).trim().split('\n').sort(),
      ['web', 'halted', 'off'].map(uuidFor).sort(),
    );
    assert.match(await succeed('list', '--no-trunc'), new RegExp(`^${uuidFor('web')} `, 'm'));
  });

  it('shows nothing that a terminal would obey of what others wrote, and is exact in JSON', async function () {
    const name = 'a\u009b31m\u202eb';
    const [image, stage] = ['quay.io/\u202ea/b:1', 'x\u200b\u0085\u2028y'];
    const file = join(temporaryDirectory(this), 'node.xml');
    writeFileSync(file, testNode([{ name, image, labels: { stage } }]));
    const print = async (...args: string[]): Promise<string> => {
      const { exitCode, stdout, stderr } = await runInProcess(['--connect', `test://${file}`, ...args]);
      assert.deepEqual([exitCode, stderr], [0, ''], args.join(' '));
      assert.ok(stdout.split('\n').every(isPlain), `${args.join(' ')}: ${JSON.stringify(stdout)}`);
      return stdout;
    };
    const id = uuidFor(name).replaceAll('-', '').slice(0, 12);
    assert.equal((await print('list')).split('\n').length, 3);
    assert.equal(
      await print('list', '--format', '{{.Name}} {{index .Labels "stage"}}'),
      'a\uFFFD31m\uFFFDb x\uFFFD\uFFFD\uFFFDy\n',
    );
    assert.equal(JSON.parse(await print('list', '--format', '{{json .Name}}')), name);
    for (const read of [
      async (): Promise<unknown> => JSON.parse(await print('list', '--format', 'json')),
      async (): Promise<unknown> => parse(await print('list', '--format', 'yaml')),
    ]) {
      const [vm] = (await read()) as { name: string; image: { reference: string }; labels: unknown }[];
      assert.deepEqual([vm?.name, vm?.image.reference, vm?.labels], [name, image, { stage }]);
    }
    await print('inspect', '--format', 'xml', id);
  });
});
