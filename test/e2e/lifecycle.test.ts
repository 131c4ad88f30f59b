import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cli } from '../support/project.js';
import { assertMatchesSchema } from '../support/schema.js';
import { withoutInstalling } from './support/base-disk.js';
import { host, podmanBootc, soon, start, startCli, succeed, until } from './support/cli.js';
import { assertNoTraces, traces, vms } from './support/leftovers.js';

const image = 'localhost/podman-bootc-demo:latest';
const bootSeconds = '600';

/** Two VMs of one image, which go through their lives side by side: each boots twice. */
describe('the life of VMs', function () {
  let initial: Record<string, string[]>;
  let directory: string;

  before(async () => {
    initial = traces();
    await withoutInstalling(image);
    directory = mkdtempSync(join(tmpdir(), 'lifecycle-'));
    const options = ['--background', '--memory', '1536M'];
    await succeed('run', ...options, '--cpus', '1', '--name', 'one', '--label', 'stage=test', image);
    await succeed('run', ...options, ...soon, '--name', 'two', '--label', 'stage=production', image);
    await succeed('wait', '--state', 'ssh', '--timeout', bootSeconds, 'one', 'two');
  });

  after(async () => {
    rmSync(directory, { recursive: true, force: true });
    await podmanBootc('rm', '--force', '--all');
    assertNoTraces(initial);
  });

  /** One field of a VM, as `list` has it. */
  async function field(vm: string, template: string): Promise<string> {
    return (await succeed('list', '--filter', `name=${vm}`, '--format', template)).trim();
  }

  it('begins with disks of their own', async () => {
    await Promise.all(['one', 'two'].map((name) => succeed('ssh', name, `echo ${name} > /root/name; sync`)));
    assert.equal(await succeed('ssh', 'one', 'cat /root/name'), 'one\n');
    assert.equal(await succeed('ssh', 'two', 'cat /root/name'), 'two\n');
  });

  it('is printed as the schemas in the package say', async () => {
    await assertMatchesSchema('list', await succeed('list', '--format', 'json'));
    const json = await succeed('inspect', 'one', 'two');
    await assertMatchesSchema('inspect', json);
    const [one] = JSON.parse(json) as Record<string, unknown>[];
    assert.deepEqual(one?.labels, { stage: 'test' });
    assert.deepEqual(one.atNextStart, { cpus: 1, memory: 1536 * 1024 ** 2 });
    assert.equal(
      (await succeed('inspect', '--format', 'xml', 'one')).trim(),
      host('virsh', 'dumpxml', 'one').trim(),
    );
  });

  it('is filtered by labels, states and images', async () => {
    const names = async (...filters: string[]): Promise<string> =>
      succeed('list', '--format', '{{.Name}}', ...filters.flatMap((filter) => ['--filter', filter]));
    assert.equal(await names('label=stage'), 'one\ntwo\n');
    assert.equal(await names('label=stage=test'), 'one\n');
    assert.equal(await names('state=running', 'image=localhost/podman-bootc-demo', 'name=t*'), 'two\n');
    assert.equal(await names('state=shut off'), '');
  });

  it("goes on by what is libvirt's alone where it is reached as another host, and the rest is refused by name", async () => {
    const ssh = join(directory, 'ssh');
    const relay =
      "const s = require('net').connect('/run/libvirt/libvirt-sock'); process.stdin.pipe(s).pipe(process.stdout)";
    writeFileSync(ssh, `#!/bin/sh\nexec '${process.execPath}' -e "${relay}"\n`, { mode: 0o755 });
    const there = ['--connect', `qemu+ssh://example.invalid/system?command=${ssh}&no_tty=1`];
    assert.equal(await succeed(...there, 'list', '--format', '{{.Name}}'), 'one\ntwo\n');
    assert.match(await succeed(...there, 'port', 'one'), /^22\/tcp -> 127\.0\.0\.1:\d+\n$/);
    await succeed(...there, 'pause', 'one');
    assert.equal(await field('one', '{{.State}}'), 'paused');
    await succeed(...there, 'resume', 'one');
    await succeed(...there, 'wait', '--state', 'running', 'one');
    for (const args of [
      ['ssh', 'one', 'id'],
      ['rm', '--force', '--all'],
      ['create', '--name', 'three', image],
    ]) {
      const outcome = await podmanBootc(...there, ...args);
      assert.equal(outcome.exitCode, 2);
      assert.match(
        outcome.stderr,
        new RegExp(`^Error: Expected a libvirt of this host for \`${args[0] ?? ''}\`, [^\n]*\n[^\n]*\n$`),
      );
    }
    assert.equal(await succeed(...there, 'list', '--format', '{{.Name}}'), 'one\ntwo\n');
  });

  it('takes a command behind two dashes', async () => {
    assert.equal(await succeed('ssh', 'one', '--', 'printf', '<%s>', '-n', 'a b'), '<-n><a b>');
  });

  it('lets the ssh of the system in by ssh-config', async () => {
    const { exitCode, stdout, stderr } = await start('bash', [
      '-c',
      // Not `-F <(…)`: ssh closes all files that it inherits before it reads its configuration.
      '"$0" "$1" ssh-config one two > "$2"/config && ssh -F "$2"/config two cat /root/name',
      process.execPath,
      cli,
      directory,
    ]).done;
    assert.deepEqual([exitCode, stdout], [0, 'two\n'], stderr);
  });

  it('copies 100 MB of anything there and back', async () => {
    const bytes = randomBytes(100 * 1000 * 1000);
    const sum = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(directory, 'a:b'), bytes);
    await succeed('cp', join(directory, 'a:b'), 'one:/var/tmp/');
    assert.match(await succeed('ssh', 'one', 'sha256sum /var/tmp/a:b'), new RegExp(`^${sum} `));
    await succeed('cp', 'one:/var/tmp/a:b', join(directory, 'back'));
    assert.equal(
      createHash('sha256')
        .update(readFileSync(join(directory, 'back')))
        .digest('hex'),
      sum,
    );
    await succeed('ssh', 'one', 'rm /var/tmp/a:b');
  });

  it('copies directories, and says what there is not', async () => {
    mkdirSync(join(directory, 'tree', 'deep'), { recursive: true });
    writeFileSync(join(directory, 'tree', 'deep', 'tool'), '#!/bin/sh\necho runs\n', { mode: 0o755 });
    await succeed('cp', join(directory, 'tree'), 'two:');
    assert.equal(await succeed('ssh', 'two', './tree/deep/tool'), 'runs\n');
    await succeed('cp', 'two:tree', join(directory, 'copy'));
    assert.deepEqual(readdirSync(join(directory, 'copy', 'deep')), ['tool']);
    const missing = await podmanBootc('cp', 'two:/nothing', directory);
    assert.equal(missing.exitCode, 1);
    assert.match(missing.stderr, /No such file[^]*Error: scp could not copy \/nothing/);
  });

  it('is interrupted by pause: not stopped, and as it was afterwards', async () => {
    await succeed('pause', 'one');
    assert.equal(await field('one', '{{.State}} {{.Running}}'), 'paused true');
    for (const [args, sentence] of [
      [['rm', 'one'], /The VM one is paused/],
      [['ssh', 'one', 'true'], /is paused[^]*podman-bootc resume/],
      [['start', 'one'], /is paused[^]*podman-bootc resume/],
    ] as const) {
      const outcome = await podmanBootc(...args);
      assert.equal(outcome.exitCode, 2, outcome.stderr);
      assert.match(outcome.stderr, sentence);
    }
    const waiting = podmanBootc('wait', '--state', 'running', '--timeout', '120', 'one');
    await succeed('resume', 'one');
    assert.equal((await waiting).exitCode, 0);
    assert.equal(await succeed('ssh', 'one', 'cat /root/name'), 'one\n');
  });

  it('survives that its QEMU is killed, with what was written', async () => {
    const uuid = host('virsh', 'domuuid', 'two').trim();
    const waiting = startCli(['wait', '--state', 'stopped', 'two']);
    const processes = host('ps', '-eo', 'pid,args').split('\n');
    const pid = Number(
      processes
        .find((line) => line.includes(`-uuid ${uuid}`))
        ?.trim()
        .split(' ')[0],
    );
    process.kill(pid, 'SIGKILL');
    const outcome = await waiting.done;
    assert.deepEqual([outcome.exitCode, outcome.stderr], [0, 'two is stopped\n']);
    assert.equal(await field('two', '{{.State}}'), 'shut off');
    await succeed('restart', 'two');
    await succeed('wait', '--state', 'ssh', '--timeout', bootSeconds, 'two');
    assert.equal(await succeed('ssh', 'two', 'cat /root/name'), 'two\n');
  });

  it('is changed by set: at once where libvirt can, else at the next start', async () => {
    const { stderr } = await podmanBootc('set', '--memory', '1G', '--cpus', '2', '--label', 'more=x', 'one');
    assert.equal(stderr, 'one: 2 CPUs at next start, 1 GiB of memory now, other labels now\n');
    await until('the balloon', async () => (await field('one', '{{.Memory}}')) === String(1024 ** 3), 120);
    assert.equal(await succeed('ssh', 'one', 'nproc'), '1\n');
    const [one] = JSON.parse(await succeed('inspect', 'one')) as Record<string, unknown>[];
    assert.deepEqual([one?.cpus, one?.atNextStart], [1, { cpus: 2, memory: 1024 ** 3 }]);
    assert.deepEqual(one?.labels, { stage: 'test', more: 'x' });
  });

  it('keeps what somebody edits with virsh, its files and its firmware variables, over set, rename, stop and start', async () => {
    const edit = { EDITOR: "sed -i 's|<on_crash>destroy|<on_crash>restart|'" };
    const edited = await start('virsh', ['edit', 'one'], { env: edit }).done;
    assert.equal(edited.exitCode, 0, edited.stderr);
    host(
      'virsh',
      'metadata',
      'one',
      '--uri',
      'urn:theirs',
      '--key',
      'their',
      '--set',
      '<app x="1"/>',
      '--config',
    );
    await succeed('set', '--remove-label', 'more', '--label', 'stage=renamed', '--autostart', 'one');
    const refused = await podmanBootc('rename', 'one', 'uno');
    assert.equal(refused.exitCode, 2);
    assert.match(refused.stderr, /The VM one is running[^]*podman-bootc stop/);

    await succeed('stop', 'one');
    assert.equal((await podmanBootc('rename', 'one', 'two')).exitCode, 2);
    await succeed('rename', 'one', 'uno');
    const variables = join(vms, host('virsh', 'domuuid', 'uno').trim(), 'nvram.fd');
    const before = readFileSync(variables);
    assert.ok(before.length > 0);
    await succeed('start', 'uno');
    await succeed('wait', '--state', 'ssh', '--timeout', bootSeconds, 'uno');

    const xml = host('virsh', 'dumpxml', 'uno');
    assert.match(xml, /<on_crash>restart<\/on_crash>/);
    assert.match(xml, /<their:app xmlns:their=['"]urn:theirs['"] x=['"]1['"]\/>/);
    assert.ok(xml.includes(variables));
    assert.equal(await field('uno', '{{json .Labels}}'), '{"stage":"renamed"}');
    assert.equal(await succeed('ssh', 'uno', 'cat /root/name; nproc'), 'one\n2\n');
    assert.deepEqual(
      readdirSync('/var/lib/libvirt/qemu/nvram').filter((name) => /^(one|uno)_/.test(name)),
      [],
    );
    assert.ok(existsSync('/etc/libvirt/qemu/autostart/uno.xml'));
    assert.match((await podmanBootc('ssh', 'one', 'true')).stderr, /no VM with the name or ID "one"/);
  });

  it('ends by label, for those that have it', async () => {
    await succeed('rm', '--force', '--label', 'stage=renamed');
    assert.equal(await succeed('list', '--format', '{{.Name}}'), 'two\n');
    assert.ok(!existsSync('/etc/libvirt/qemu/autostart/uno.xml'));
  });
});
