import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatReport } from '../../src/cli/actions/doctor.js';
import { createProgram } from '../../src/cli/commands/program.js';
import type { Finding } from '../../src/doctor/index.js';
import { runInProcess } from '../support/command-line.js';
import { cli } from '../support/project.js';
import { temporaryDirectory } from '../support/temporary.js';
import { testNode, uuidFor } from '../support/test-node.js';

/** In a process of its own. */
function podmanBootc(...args: string[]): { exitCode: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8' });
  return { exitCode: status, stdout, stderr };
}

describe('the command line', () => {
  let uri: string;

  before(function () {
    const file = join(temporaryDirectory(this), 'node.xml');
    writeFileSync(
      file,
      testNode([
        {
          name: 'web',
          image: 'quay.io/a/b:1',
          ports: [{ protocol: 'udp', address: '0.0.0.0', hostPort: 5353, guestPort: 53 }],
        },
        { name: 'off', state: 'shut off', labels: { stage: 'test' }, diskPath: '/nonexistent/disk.raw' },
        { name: 'alien', ours: false },
      ]),
    );
    uri = `test://${file}`;
  });

  for (const command of createProgram().commands.filter((candidate) => candidate.name() !== '__complete')) {
    it(`helps with ${command.name()}, with an example, on stdout`, async () => {
      const { exitCode, stdout, stderr } = await runInProcess([command.name(), '--help']);
      assert.deepEqual([exitCode, stderr], [0, '']);
      assert.match(stdout, /Usage: podman-bootc/);
      assert.match(stdout, /Examples:\n {2}\S*.*podman-bootc/);
    });
  }

  it('keeps the flags of podman-bootc', () => {
    const flags = (name: string): string[] =>
      createProgram()
        .commands.find((command) => command.name() === name)
        ?.options.flatMap(({ long, short }) => [long ?? '', short ?? '']) ?? [];
    for (const flag of [
      '--user',
      '-u',
      '--cloudinit',
      '--filesystem',
      '--background',
      '-B',
      '--rm',
      '--quiet',
      '--root-size-max',
      '--disk-size',
      '--log-level',
    ]) {
      assert.ok(flags('run').includes(flag), flag);
    }
    for (const flag of ['--user', '-u']) assert.ok(flags('ssh').includes(flag), flag);
    for (const flag of ['--force', '-f', '--all']) assert.ok(flags('rm').includes(flag), flag);
  });

  it('lists VMs as a table, IDs or JSON', async () => {
    const id = uuidFor('web').replaceAll('-', '').slice(0, 12);
    const table = podmanBootc('--connect', uri, 'list');
    assert.match(
      table.stdout,
      new RegExp(
        `^ID +REPO +NAME +SIZE +CREATED +RUNNING +SSH PORT\n[^]*${id} +quay\\.io/a/b:1 +web +10\\.7 GB +.* ago +true +40022\n`,
      ),
      table.stderr,
    );
    assert.match(
      (await runInProcess(['list', '--connect', uri, '-q'])).stdout,
      new RegExp(`^(\\w{12}\n){2}$`),
    );
    const json = JSON.parse((await runInProcess(['list', '--connect', uri, '--format', 'json'])).stdout) as {
      name: string;
      running: boolean;
    }[];
    assert.deepEqual(
      json.map(({ name, running }) => [name, running]),
      [
        ['off', false],
        ['web', true],
      ],
    );
  });

  it('says which option of a new VM is wrong, and what was expected', async () => {
    const cases: [string[], RegExp][] = [
      [['run', '-p', '80', 'img'], /Expected --publish to be of the form .*, got "80"/],
      [['run', '-p', '80:80', '-p', '80:81', 'img'], /Expected --publish to take each port of the host once/],
      [['run', '--karg', 'a b', 'img'], /Expected --karg to be one kernel argument/],
      [['run', '--bootc-arg', '/dev/sda', 'img'], /Expected --bootc-arg to be one long option/],
      [['run', '--bootc-arg=--wipe', 'img'], /Expected --bootc-arg to be .*the disk is a new one/],
      [['run', '--bootloader', 'lilo', 'img'], /[Aa]llowed choices are grub, grub-cc, systemd, none/],
      [['create', '--hostname', 'a_b', 'img'], /Expected --hostname to be a host name/],
      [['run', '--ssh-key', '/nonexistent', 'img'], /\/nonexistent of --ssh-key cannot be read/],
      [['run', '--label', '=x', 'img'], /Expected the name of a label/],
      [['run', '--pull', 'soon', 'img'], /Allowed choices are always, missing, never, newer/],
      [['create', '--itype', 'huge', 'img'], /Allowed choices are u1\.nano, u1\.micro, .*u1\.8xlarge/],
      [['run', '--firmware', 'uefi', 'img'], /Allowed choices are efi, bios/],
    ];
    for (const [args, sentence] of cases) {
      const { exitCode, stdout, stderr } = await runInProcess(['--connect', uri, ...args]);
      assert.deepEqual([exitCode, stdout], [2, ''], args.join(' '));
      assert.match(stderr, sentence, args.join(' '));
      assert.doesNotMatch(stderr, /^\s+at /m);
    }
  });

  it('says what is wrong with its usage in a sentence on stderr and exits 2', async () => {
    const cases: [string[], RegExp][] = [
      [['nonsense'], /Error: Unknown command 'nonsense'/],
      [['list', '--nonsense'], /Error: Unknown option '--nonsense'/],
      [['list', '--format', 'xml'], /Expected --format to be table, json, yaml or a template, got "xml"/],
      [['list', '--format', '{{.Nmae}}'], /There is no field \.Nmae\nThere are \.Id, \.Uuid, \.Name, /],
      [
        ['list', '--format', '{{.SSH.Prot}}'],
        /There is no field \.SSH\.Prot\nThere are \.SSH\.Host, \.SSH\.Port/,
      ],
      [['list', '--format', '{{if .Name}}'], /Expected a field such as/],
      [['list', '--filter', 'colour=blue'], /Expected name=, image=, state= or label= with a value/],
      [['list', '--filter', 'state=stopped'], /Expected a state to be one of no state, running/],
      [['inspect'], /missing required argument 'vm'/i],
      [['inspect', 'nothing'], /There is no VM/],
      [['inspect', '--format', 'table', 'web'], /Expected --format to be json, yaml, xml or a template/],
      [['--log-level', 'loud', 'list'], /Allowed choices are debug, info, warn, error/],
      [['run'], /Expected an image, or a disk with --disk, got neither/],
      [['create', '--disk', '/nonexistent', 'img'], /Expected an image or --disk, got both: img and/],
      [['create', '--disk', '/nonexistent'], /Expected --disk to be a raw or qcow2 disk .*: there is none/],
      [['run', '--disk', 'x', '--karg', 'quiet'], /Expected no --karg with --disk, got both/],
      [['run', '--disk', 'x', '--pull', 'missing'], /Expected no --pull with --disk, got both/],
      [['run', '--in-place', 'img'], /Expected --in-place with --disk, got it without/],
      [['run', '--disk', 'x', '--in-place', '--disk-size', '9G'], /Expected no --disk-size with --in-place/],
      [['run', '-B', '--disk', 'x', 'true'], /--background cannot be combined with a command/],
      [['run', '--identity', '/nonexistent', 'img'], /The file \/nonexistent of --identity/],
      [['to-disk', 'img'], /missing required argument 'file'/i],
      [['to-disk', 'img', '-'], /Expected the name of a file that can be written, got '-'/],
      [['to-disk', 'img', '/nonexistent/disk.raw'], /there is no directory \/nonexistent/],
      [['to-disk', '--format', 'iso', 'img', 'x'], /Allowed choices are raw, qcow2/],
      [['to-disk', '--size', '10X', 'img', 'x'], /Expected --disk-size to be a positive size/],
      [['to-disk', '--cpus', '1', 'img', 'x'], /unknown option '--cpus'/i],
      [['to-disk', '--root-ssh-key', '/nonexistent', 'img', 'x'], /The file \/nonexistent of --root-ssh-key/],
      [['to-disk', 'img', '/dev/null'], /The file \/dev\/null is there already; nothing was changed/],
      [['run', '--disk-size', '10X', 'img'], /Expected --disk-size to be a positive size/],
      [['run', '--memory', '1', 'img'], /Expected --memory to be at least 128 MiB, got 1 B/],
      [['run', '--cpus', '0', 'img'], /Expected --cpus to be a whole number from 1 on, got '0'/],
      [['run', '--cpus', 'two', 'img'], /Expected --cpus/],
      [['run', '--name', '../x', 'img'], /Expected a VM name/],
      [['run', '--name', '', 'img'], /Expected a VM name/],
      [['run', '--filesystem', 'ntfs', 'img'], /Expected --filesystem to be xfs, ext4 or btrfs/],
      [['run', '--user', 'a b', 'img'], /Expected --user to be a login name/],
      [['run', '--rm', '-B', 'img'], /--background cannot be combined with --rm/],
      [['run', '-B', 'img', 'true'], /--background cannot be combined with a command/],
      [['run', '--cloudinit', '/nonexistent', 'img'], /has no user-data/],
      [['run', '--root-size-max', '20G', '--disk-size', '10G', 'img'], /--root-size-max to be at most/],
      [['rm'], /Expected a VM to remove, or --all/],
      [['rm', '--all', 'web'], /--all removes every VM/],
      [['rm', '--all', '--label', 'a'], /--all removes every VM/],
      [['rm', '--label', 'a', 'web'], /--label says which VMs/],
      [['rm', '--label', 'a b'], /Expected the name of a label/],
      [['rm', 'nothing'], /There is no VM with the name or ID "nothing"/],
      [['rm', 'alien'], /was not made by podman-bootc/],
      [['rm', 'web'], /The VM web is running/],
      [['stop', ''], /There is no VM with the name or ID ""/],
      [
        ['stop', '--timeout', 'soon', 'web'],
        /Expected --timeout to be a number of seconds up to 2000000, got 'soon'/,
      ],
      [['restart', '--timeout', '-1', 'web'], /Expected --timeout/],
      [['pause', 'off'], /The VM off is shut off/],
      [['resume', 'off'], /The VM off is shut off/],
      [['rename', 'web', 'new'], /The VM web is running, and libvirt renames only one that is shut off/],
      [['rename', 'off', 'a b'], /Expected a VM name/],
      [['rename', 'off', 'alien'], /The name 'alien' is taken/],
      [['set', 'web'], /Expected something to set/],
      [['set', '--memory', '4', 'web'], /Expected --memory to be at least 128 MiB/],
      [['set', '--label', 'a b=c', 'web'], /Expected the name of a label/],
      [['wait', 'web'], /Required option '--state <state>' not specified/],
      [['wait', '--state', 'paused', 'web'], /Allowed choices are running, ssh, stopped/],
      [['port', 'web', 'http'], /Expected a port of the guest such as 22/],
      [['cp', 'a', 'b'], /Expected one of the two paths to be in a VM/],
      [['cp', 'web:a', 'off:b'], /Expected one of the two paths to be on this host/],
      [['cp', 'web:', 'b'], /Expected a path to copy from/],
      [['cp', 'off:a', 'b'], /The VM off is shut off/],
      [['ssh', 'off'], /The VM off is shut off/],
    ];
    for (const [args, sentence] of cases) {
      const [command = '', ...rest] = args;
      const { exitCode, stdout, stderr } = await runInProcess([command, '--connect', uri, ...rest]);
      const label = `${args.join(' ')}: ${stderr}`;
      assert.match(stderr, sentence, label);
      assert.match(stderr, /^Error: /m, label);
      assert.doesNotMatch(stderr, /^\s+at /m, label);
      assert.deepEqual([exitCode, stdout], [2, ''], label);
    }
  });

  it('lists without starting a process', () => {
    const { status, stdout } = spawnSync(process.execPath, [cli, '--connect', uri, 'list', '-q'], {
      encoding: 'utf8',
      env: { PATH: '/nonexistent' },
    });
    assert.equal(status, 0);
    assert.match(stdout, /^\w{12}\n/);
  });

  it('goes on with the next VM when one fails, and exits with the failure', () => {
    const { exitCode, stderr } = podmanBootc('stop', '--connect', uri, 'nothing', 'off');
    assert.equal(exitCode, 2);
    assert.match(stderr, /no VM[^]*off is not running/);
  });

  it('stops, restarts, pauses and resumes several VMs, and says what became of each', async () => {
    const said = async (...args: string[]): Promise<string> => {
      const { exitCode, stdout, stderr } = await runInProcess(['--connect', uri, ...args]);
      assert.deepEqual([exitCode, stdout], [0, ''], stderr);
      return stderr;
    };
    assert.equal(await said('stop', '-f', 'web', 'off'), 'web was forced off\noff is not running\n');
    assert.equal(await said('stop', '--timeout', '0.5', 'web'), 'web was shut down\n');
    assert.match(
      await said('restart', 'web', 'off'),
      /^web has started; .*\noff has started; .*`podman-bootc ssh off`\n$/,
    );
    assert.match(await said('pause', 'web'), /^web is paused; `podman-bootc resume \w{12}`/);
    assert.equal(await said('resume', 'web'), 'web is not paused\n');
  });

  it('removes the VMs that have a label, and says when there is none', () => {
    const removed = podmanBootc('rm', '-f', '--connect', uri, '--label', 'stage', '--label', 'stage=test');
    assert.equal(removed.exitCode, 0, removed.stderr);
    assert.equal(removed.stderr, 'Removed off\n');
    const none = podmanBootc('rm', '-f', '--connect', uri, '--label', 'stage=production');
    assert.deepEqual([none.exitCode, none.stderr], [0, 'There is no VM to remove\n']);
  });

  it('sets, waits, and prints ports and ssh_config blocks', async () => {
    const run = async (...args: string[]): Promise<string> => {
      const { exitCode, stdout, stderr } = await runInProcess(['--connect', uri, ...args]);
      assert.equal(exitCode, 0, stderr);
      return stdout + stderr;
    };
    assert.equal(
      await run('set', 'web', 'off', '--cpus', '2', '--label', 'a=b', '--autostart'),
      'web: 2 CPUs at next start, other labels now, starts with libvirt now\noff: 2 CPUs at next start, other labels now, starts with libvirt now\n',
    );
    assert.equal(await run('wait', '--state', 'running', 'web'), 'web is running\n');
    assert.equal(await run('port', 'web'), '22/tcp -> 127.0.0.1:40022\n53/udp -> 0.0.0.0:5353\n');
    assert.equal(await run('port', 'web', '53/udp'), '0.0.0.0:5353\n');
    assert.equal(await run('port', 'web', '22/tcp'), '127.0.0.1:40022\n');
    assert.match(
      await run('ssh-config', '-u', 'core', 'web', 'off'),
      /^Host web \w{12}\n {2}HostName 127\.0\.0\.1\n {2}Port 40022\n {2}User core\n[^]*\nHost off /,
    );
    const missing = await runInProcess(['--connect', uri, 'port', 'web', '80']);
    assert.deepEqual([missing.exitCode, missing.stdout], [1, '']);
    const late = await runInProcess([
      ...['--connect', uri, 'wait', '--state', 'stopped'],
      ...['--timeout', '0.1', 'off', 'web'],
    ]);
    assert.equal(late.exitCode, 1);
    assert.match(late.stderr, /off is stopped[^]*The VM web is running after 0\.1 s of waiting for stopped/);
  });

  it('names a libvirt URI that cannot be used, and what to check', () => {
    for (const bad of ['nonsense://x', 'qemu+unix:///session?socket=/nonexistent']) {
      const { exitCode, stderr } = podmanBootc('--connect', bad, 'list');
      assert.equal(exitCode, 120, stderr);
      assert.match(
        stderr,
        /^Error: libvirt does not answer at .*\n.+\nSee `podman-bootc doctor` \(PB001\)\n$/,
        stderr,
      );
    }
  });

  it('says what works on this host as lines or JSON, and exits 120 when `run` would not', async () => {
    const lines = podmanBootc('doctor', '--connect', uri);
    assert.equal(lines.exitCode, 120, lines.stderr);
    assert.match(
      lines.stdout,
      /^ok {7}PB001 {2}libvirt +libvirt \d.*driver TEST\nfailure {2}PB002 {2}QEMU +libvirt/,
    );
    assert.match(lines.stdout, /\n`podman-bootc run` does not work on this host: PB002\b.*\n$/);
    assert.equal(lines.stderr, '');
    const json = await runInProcess(['doctor', '--connect', uri, '--format', 'json']);
    assert.equal(json.exitCode, 120);
    const { works, findings } = JSON.parse(json.stdout) as { works: boolean; findings: Finding[] };
    assert.equal(works, false);
    for (const finding of findings)
      assert.deepEqual(Object.keys(finding), ['id', 'subject', 'status', 'finding', 'fix']);
  }).timeout(300_000);

  it('shows symbols and colours only as asked', () => {
    const finding = {
      id: 'PB002',
      subject: 'QEMU',
      finding: 'None\n\u001b[1m',
      fix: 'brew install qemu',
    } as const;
    const failed = { works: false, findings: [{ ...finding, status: 'failure' as const }] };
    assert.equal(
      formatReport(failed, { symbols: false, colours: false }),
      'failure  PB002  QEMU  None\uFFFD\uFFFD[1m\n                      Fix: brew install qemu\n\n`podman-bootc run` does not work on this host: PB002.\n',
    );
    assert.match(formatReport(failed, { symbols: true, colours: false }), /^✘ {2}PB002/);
    // eslint-disable-next-line no-control-regex -- the colour is what is tested
    assert.match(formatReport(failed, { symbols: true, colours: true }), /^\u001b\[31m✘\u001b\[39m {2}PB002/);
    const works = { works: true, findings: [{ ...finding, status: 'ok' as const, fix: null }] };
    assert.match(formatReport(works, { symbols: false, colours: false }), /\n\nThis host can run VMs\.\n$/);
  });

  it('takes the URI from LIBVIRT_DEFAULT_URI', () => {
    const env = { ...process.env, LIBVIRT_DEFAULT_URI: uri };
    assert.match(spawnSync(process.execPath, [cli, 'list'], { encoding: 'utf8', env }).stdout, /web/);
  });

  it('writes no colour where stderr is no terminal', () => {
    // eslint-disable-next-line no-control-regex -- that there is none is what is tested
    assert.doesNotMatch(podmanBootc('rm').stderr, /\u001b/);
  });

  it('loads neither libvirt, execa, ssh2 nor an XML parser for --help', () => {
    // A loader that prints what is loaded.
    const { stderr } = spawnSync(
      process.execPath,
      [
        '--experimental-loader',
        'data:text/javascript,export function load(u,c,n){console.error(u);return n(u,c)}',
        cli,
        '--help',
      ],
      { encoding: 'utf8' },
    );
    assert.match(stderr, /commander/);
    assert.doesNotMatch(stderr, /execa|ssh2|fast-xml-parser|libvirt\//);
  });

  it('prints its version', () => {
    assert.match(podmanBootc('--version').stdout, /^\d+\.\d+\.\d+\n$/);
  });
});
