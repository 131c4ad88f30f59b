import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { CheckId } from '../../src/checks.js';
import type { Finding, HostReport } from '../../src/doctor/index.js';
import { cli } from '../support/project.js';
import { host, soon, start, until, type Outcome, type Running } from './support/cli.js';

const image = 'localhost/podman-bootc-demo:latest';
const slowImage = 'localhost/slow-in-machine:latest';
const machine = 'podman-machine-default';

/*
 * A real machine of podman 5.4, of an ordinary user (test/testbed/machine). The tests build on one another: a machine
 * takes half a minute to start and an image another to get in.
 */
describe('an ordinary user with a podman machine', function () {
  // The test bed makes machines for x86_64 only.
  if (process.arch !== 'x64') return;

  const state = process.env.TESTBED_STATE ?? '';
  const home = join(state, 'home');
  const socket = join(state, 'tmp', 'machine-test', 'podman.sock');
  let service: ReturnType<typeof start>;

  const startAsUser = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Running =>
    start('test/testbed/machine', ['user', ...args], { env });
  const startPodmanBootc = (args: readonly string[], env?: NodeJS.ProcessEnv): Running =>
    startAsUser([process.execPath, cli, ...args], env);
  const podmanBootc = (...args: string[]): Promise<Outcome> => startPodmanBootc(args).done;

  /** Runs a program as the user, which must succeed. @returns its stdout */
  async function asUser(...args: string[]): Promise<string> {
    const outcome = await startAsUser(args).done;
    assert.equal(outcome.exitCode, 0, `${args.join(' ')}\n${outcome.stderr}`);
    return outcome.stdout;
  }

  const inMachine = (...args: string[]): Promise<string> =>
    asUser('podman', '--connection', `${machine}-root`, ...args);

  /** What installs may leave in the machine. */
  async function tracesInMachine(): Promise<{ containers: string; loopDevices: string }> {
    return {
      containers: await inMachine('ps', '--all', '--format', '{{.Names}}'),
      loopDevices: await asUser('podman', 'machine', 'ssh', '--username', 'root', machine, 'losetup --list'),
    };
  }

  const nothing = { containers: '', loopDevices: '' };

  async function isInstalling(): Promise<boolean> {
    const { containers, loopDevices } = await tracesInMachine();
    return containers.includes('podman-bootc-install-') && loopDevices.includes('.partial');
  }

  /** What `doctor` finds, by ids; its exit code is that of its findings. */
  async function doctor(env?: NodeJS.ProcessEnv): Promise<Record<CheckId, Finding>> {
    const outcome = await startPodmanBootc(['doctor', '--format', 'json'], env).done;
    const report = JSON.parse(outcome.stdout) as HostReport;
    assert.equal(outcome.exitCode, report.works ? 0 : 120, outcome.stdout);
    return Object.fromEntries(report.findings.map((finding) => [finding.id, finding])) as Record<
      CheckId,
      Finding
    >;
  }

  function assertFailure(outcome: Outcome, exitCode: number, ...sentences: RegExp[]): void {
    assert.equal(outcome.exitCode, exitCode, outcome.stderr);
    for (const sentence of sentences) assert.match(outcome.stderr, sentence);
    assert.doesNotMatch(outcome.stderr, /^\s+at /m);
  }

  before(async () => {
    assert.ok(state !== '', 'runs inside test/testbed/enter');
    mkdirSync(join(state, 'tmp', 'machine-test'), { recursive: true });
    service = start('podman', ['system', 'service', '--time', '0', `unix://${socket}`]);
    await until('podman listens', () => host('ss', '-lxH').includes(socket));
    chmodSync(socket, 0o666);
  });

  after(async () => {
    await podmanBootc('rm', '--force', '--all');
    await start('test/testbed/machine', ['rm']).done;
    service.child.kill();
    await service.done;
    // The user's session daemon has this home; another test's user has another.
    const pidFile = join(state, 'run', 'libvirt', 'libvirtd.pid');
    if (existsSync(pidFile)) process.kill(Number(readFileSync(pidFile, 'utf8')));
  });

  it('is told how to make one when there is none', async () => {
    assertFailure(
      await podmanBootc('run', image),
      120,
      /there is no podman machine/,
      /^podman machine init --rootful --now/m,
    );
  });

  it('is given the command that starts it when it does not run', async () => {
    const made = await start('test/testbed/machine', ['init']).done;
    assert.equal(made.exitCode, 0, made.stderr);
    await asUser('podman', 'system', 'connection', 'add', 'elsewhere', `unix://${socket}`);
    const outcome = await podmanBootc('run', image);
    assertFailure(
      outcome,
      120,
      /Podman machine podman-machine-default \(the default machine\) is not running/,
      /^podman machine start podman-machine-default +\(.*--start-machine\)/m,
    );
    const { PB011, PB012 } = await doctor();
    assert.equal(PB011.status, 'failure');
    assert.equal(PB011.fix, 'podman machine start podman-machine-default');
    assert.match(PB012.finding, /Machine podman-machine-default is stopped/);
  });

  it('has it started with --start-machine; meanwhile others are told to wait', async () => {
    const starting = startPodmanBootc(['run', '--start-machine', image]);
    await until(
      'podman says that it starts',
      async () => {
        const [entry] = JSON.parse(await asUser('podman', 'machine', 'ls', '--format', 'json')) as {
          Starting: boolean;
        }[];
        return entry?.Starting === true;
      },
      120,
    );
    assertFailure(await podmanBootc('images'), 120, /is still starting/, /podman machine ls/);
    const outcome = await starting.done;
    // From here on others may boot beside it, see scripts/test-e2e.
    if (process.env.E2E_UP !== undefined) writeFileSync(process.env.E2E_UP, '');
    assert.match(outcome.stderr, /Starting podman machine podman-machine-default/);
    // The image is not in there yet, but the user's other podman has it.
    assertFailure(
      outcome,
      121,
      /podman-bootc-demo:latest is not in the store of podman machine podman-machine-default, but in that of podman connection elsewhere/,
      /Add --copy, or: podman --connection elsewhere save localhost\/podman-bootc-demo:latest \| podman --connection podman-machine-default-root load/,
    );
  });

  it("copies the image in, installs over the share, boots under the user's session daemon, logs in", async function () {
    // An emulated machine and a guest that it writes the disk of, with others beside them.
    this.timeout(1_800_000);
    const outcome = await podmanBootc('run', '--copy', ...soon, image, 'id -un; findmnt -no FSTYPE /sysroot');
    assert.equal(outcome.stdout, 'root\next4\n', outcome.stderr);
    assert.match(outcome.stderr, /Installing in podman machine podman-machine-default \(the default machine/);
    assert.match(outcome.stderr, /Copied [\d.]+ MiB \(\d0 %\)/);
    assert.match(
      await asUser('virsh', '-c', 'qemu:///session', 'list', '--title'),
      /running +podman-bootc: localhost\/podman-bootc-demo/,
    );
    assert.doesNotMatch(host('virsh', 'list', '--all'), /podman-bootc/, "root's libvirt knows nothing of it");
    assert.deepEqual(await tracesInMachine(), nothing);
  });

  it('names the store whose images it lists', async () => {
    const outcome = await podmanBootc('images');
    assert.match(outcome.stdout, /localhost\/podman-bootc-demo +latest/);
    assert.match(outcome.stderr, /Images of podman machine podman-machine-default/);
    // At a tab key nobody waits for more than a few seconds, and a busy host may take longer.
    await until(
      'the completion names it too',
      async () => {
        const { stdout } = await podmanBootc('__complete', '--', 'run', 'localhost/');
        return /^localhost\/podman-bootc-demo:latest\t\w+ in podman machine /m.test(stdout);
      },
      300,
    );
  });

  it('is told by doctor that all is there', async () => {
    const found = await doctor();
    assert.deepEqual(
      Object.values(found).filter(({ status }) => status === 'failure'),
      [],
    );
    assert.match(found.PB011.finding, /podman-machine-default/);
    assert.match(found.PB012.finding, /Machine podman-machine-default is running/);
    assert.match(
      found.PB013.finding,
      /is in the share \/run\/pbtest\/home of machine podman-machine-default$/,
    );
  });

  it('may name a podman by CONTAINER_HOST or CONTAINER_CONNECTION', async () => {
    const url = `unix://${join(state, 'run', 'podman', `${machine}-api.sock`)}`;
    const byHost = await startPodmanBootc(['images'], { CONTAINER_HOST: url }).done;
    assert.match(byHost.stderr, new RegExp(`Images of the podman at ${url}`));
    assert.match(byHost.stdout, /localhost\/podman-bootc-demo/);
    const byName = await startPodmanBootc(['images'], { CONTAINER_CONNECTION: 'elsewhere' }).done;
    assert.match(byName.stderr, /Images of podman connection elsewhere/);
    assertFailure(
      await startPodmanBootc(['run', image], { CONTAINER_HOST: 'unix:///nowhere/podman.sock' }).done,
      120,
      /The podman at unix:\/\/\/nowhere\/podman.sock does not answer/,
      /Set CONTAINER_HOST to the socket of a rootful podman/,
    );
  });

  it('is told of a connection whose machine is gone, and of a podman that there is not', async () => {
    assertFailure(
      await podmanBootc('run', '--podman', 'gone', image),
      120,
      /no machine and no connection named 'gone'; it has podman-machine-default, .*podman-machine-default-root/,
    );
    // As podman leaves it when a machine's files are deleted by hand.
    const connections = join('.config', 'containers', 'podman-connections.json');
    const other = join(home, 'other');
    await asUser('mkdir', '-p', dirname(join(other, connections)));
    const ports = /127\.0\.0\.1:\d+/g;
    const known = readFileSync(join(home, connections), 'utf8').replaceAll(ports, '127.0.0.1:1');
    writeFileSync(join(other, connections), known, { mode: 0o644 });
    const args = ['env', `HOME=${other}`, process.execPath, cli, 'run', '--podman', `${machine}-root`, image];
    assertFailure(
      await startAsUser(args).done,
      120,
      /Podman connection podman-machine-default-root leads to a podman machine that is gone/,
      /^podman system connection rm podman-machine-default-root$/m,
    );
  });

  it('removes the VM without a trace', async () => {
    const id = (await asUser(process.execPath, cli, 'list', '-q')).trim();
    const outcome = await podmanBootc('rm', '--force', '--purge', id);
    assert.equal(outcome.exitCode, 0, outcome.stderr);
    const left = (await asUser('find', home, '-name', `*${id.slice(0, 8)}*`)).split('\n');
    assert.deepEqual(
      left.filter((file) => !/\.(log|lock)$/.test(file)),
      [''],
    );
    assert.deepEqual(readdirSync(join(home, '.cache/podman-bootc/bases')), []);
  });

  it('is told before the install that the machine does not see the directory of the disk', async () => {
    const cache = join(state, 'tmp', 'unshared');
    await asUser('mkdir', '-p', cache);
    const { PB013 } = await doctor({ XDG_CACHE_HOME: cache });
    assert.equal(PB013.status, 'failure');
    assert.match(
      PB013.finding,
      /Machine podman-machine-default does not see \S+\/unshared; it shares \/run\/pbtest\/home$/,
    );
    assert.equal(PB013.fix, 'export XDG_CACHE_HOME=/run/pbtest/home/.cache');
    const outcome = await startPodmanBootc(['create', image], { XDG_CACHE_HOME: cache }).done;
    assertFailure(
      outcome,
      120,
      /Podman machine podman-machine-default does not see the directory \S+\/unshared\/\S+, where the disk is to be built; it shares \/run\/pbtest\/home/,
      /--scratch \/run\/pbtest\/home +\(.*podman machine init --rootful --volume/,
    );
    assert.doesNotMatch(outcome.stderr, /Installing image/);
    assert.deepEqual(readdirSync(join(cache, 'podman-bootc', 'bases')), []);
  });

  it('can have the disk built in a directory that it does see', async () => {
    const cache = join(state, 'tmp', 'unshared');
    const scratch = join(home, 'scratch');
    await asUser('mkdir', '-p', scratch);
    const outcome = await startPodmanBootc(['create', '--name', 'staged', '--scratch', scratch, image], {
      XDG_CACHE_HOME: cache,
    }).done;
    assert.equal(outcome.exitCode, 0, outcome.stderr);
    assert.deepEqual(readdirSync(scratch), []);
    const [key = ''] = readdirSync(join(cache, 'podman-bootc', 'bases'));
    assert.ok(existsSync(join(cache, 'podman-bootc', 'bases', key, 'disk.raw')));
    await podmanBootc('rm', 'staged');
  });

  describe('when an install is interrupted', () => {
    before(async () => {
      // The demo image, whose bootc is told to wait in the middle.
      const container = (await inMachine('create', image, 'true')).trim();
      const file = join(home, 'standin.conf');
      await asUser('sh', '-c', `echo SLEEP=600 > ${file}`);
      await inMachine('cp', file, `${container}:/usr/lib/bootc/standin.conf`);
      await inMachine('commit', '--quiet', container, slowImage);
      await inMachine('rm', container);
    });

    it('by Ctrl-C, nothing is left in the machine', async () => {
      const running = startPodmanBootc(['run', slowImage]);
      await until('the install is under way', isInstalling, 180);
      const [cliProcess = ''] = host('pgrep', '--full', `^${process.execPath} ${cli} run ${slowImage}`).split(
        '\n',
      );
      process.kill(Number(cliProcess), 'SIGINT');
      const outcome = await running.done;
      assertFailure(outcome, 130, /Interrupted by SIGINT/);
      assert.deepEqual(await tracesInMachine(), nothing);
      assert.deepEqual(readdirSync(join(home, '.cache/podman-bootc/bases')), []);
    });

    it('by kill -9, the next command cleans up in the machine', async () => {
      const running = startPodmanBootc(['run', slowImage]);
      await until('the install is under way', isInstalling, 180);
      const [cliProcess = ''] = host('pgrep', '--full', `^${process.execPath} ${cli} run ${slowImage}`).split(
        '\n',
      );
      process.kill(Number(cliProcess), 'SIGKILL');
      await running.done;
      assert.ok(await isInstalling(), 'the container outlives its client');
      assert.match((await podmanBootc('rm', 'nothing')).stderr, /Cleaning up after an interrupted install/);
      assert.deepEqual(await tracesInMachine(), nothing);
    });

    it("by the machine's end, says so; what was left is cleaned up when nobody can be asked any more", async () => {
      const running = startPodmanBootc(['run', slowImage]);
      await until('the install is under way', isInstalling, 180);
      await start('test/testbed/machine', ['stop']).done;
      const outcome = await running.done;
      assertFailure(
        outcome,
        122,
        /Podman machine podman-machine-default stopped or became unreachable in the middle of the install/,
        /^podman machine start podman-machine-default, then run the same command again/m,
      );
      assert.equal(readdirSync(join(home, '.cache/podman-bootc/bases')).length, 1, 'to be cleaned up later');
      await start('test/testbed/machine', ['rm']).done;
      await podmanBootc('rm', 'nothing');
      assert.deepEqual(readdirSync(join(home, '.cache/podman-bootc/bases')), []);
    });
  });
});
