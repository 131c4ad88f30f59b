import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { host, podmanBootc, soon, start, startCli, succeed, until } from './support/cli.js';
import { assertNoTraces, traces, vms } from './support/leftovers.js';
import { cli } from '../support/project.js';

const image = 'localhost/podman-bootc-demo:latest';

/** What the consoles of all VMs have said. */
function consoles(): string {
  return readdirSync(vms)
    .map((uuid) => join(vms, uuid, 'console.log'))
    .filter((file) => existsSync(file))
    .map((file) => readFileSync(file, 'latin1'))
    .join('');
}

describe('run', () => {
  let initial: Record<string, string[]>;

  before(() => {
    initial = traces();
  });

  afterEach(async () => {
    await podmanBootc('rm', '--force', '--all');
    assertNoTraces(initial);
  });

  for (const filesystem of ['ext4', 'btrfs']) {
    it(`boots from ${filesystem}, runs a command and removes the VM with --rm`, async () => {
      const command = 'findmnt -no FSTYPE /sysroot; exit 3';
      const options = ['--rm', '--quiet', '--filesystem', filesystem, ...soon];
      const outcome = await podmanBootc('run', ...options, image, command);
      assert.equal(outcome.stdout, `${filesystem}\n`, outcome.stderr);
      assert.equal(outcome.exitCode, 3);
      assert.equal(outcome.stderr, '', 'nothing is said with --quiet');
    });
  }

  it('chooses a file system, and says which, for an image that names none', async () => {
    const outcome = await podmanBootc(
      'run',
      '--rm',
      ...soon,
      'localhost/no-rootfs-type',
      'findmnt',
      '-no',
      'FSTYPE',
      '/sysroot',
    );
    assert.equal(outcome.stdout, 'xfs\n', outcome.stderr);
    assert.match(outcome.stderr, /\(xfs: the image names none; choose another with --filesystem\)/);
    assert.match(outcome.stderr, /Installing image/, "bootc's own output is shown live");
  });

  it('gives an interactive session a terminal, and the VM outlives it', async () => {
    // `script` is a terminal; what is typed arrives in the guest's shell.
    const command = `${process.execPath} ${cli} run --name web-1 ${soon.join(' ')} --memory 768M --disk-size 3G ${image}`;
    const session = start('script', ['-qec', command, '/dev/null'], { input: 'tty; nproc; exit 5\n' });
    const { exitCode, stdout } = await session.done;
    assert.match(stdout, /\/dev\/pts\/\d/);
    assert.equal(exitCode, 5, stdout);
    assert.match(stdout, /web-1 goes on running: `podman-bootc ssh web-1`/);
    assert.match(stdout, /Emulating the CPU|KVM/i, 'says why it is slow, when it is');
    const [vm] = JSON.parse(await succeed('list', '--format', 'json')) as {
      name: string;
      disk: { size: number };
    }[];
    assert.deepEqual(
      [vm?.name, vm?.disk.size],
      ['web-1', 3 * 1024 ** 3],
      'the size is the one asked for, to the byte',
    );
    assert.match(host('virsh', 'dominfo', 'web-1'), /CPU\(s\): +1\n[^]*Max memory: +786432 KiB/);
  });

  it('logs in as another user of the image, and attaches a cloud-init disk labelled cidata', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'cloud-init-'));
    writeFileSync(join(directory, 'user-data'), '#cloud-config\n');
    writeFileSync(join(directory, 'meta-data'), '');
    const outcome = await podmanBootc(
      'run',
      '--name',
      'ci',
      '--user',
      'tester',
      '--cloudinit',
      directory,
      ...soon,
      image,
      'id -un; stat -c "%U %a" ~/.ssh ~/.ssh/authorized_keys; lsblk -no LABEL',
    );
    assert.match(outcome.stdout, /^tester\ntester 700\ntester 600\n[^]*cidata/, outcome.stderr);
    const [, iso = ''] = /(\S+cloud-init\.iso)/.exec(host('virsh', 'domblklist', 'ci')) ?? [];
    assert.equal(statSync(iso).mode & 0o777, 0o600);
  });

  it('ends the wait at once when the VM dies while booting, and says so', async () => {
    const running = startCli(['run', '--cpus', '1', '--name', 'doomed', image, 'true']);
    await until('it boots', () => running.stderr().includes('Booting doomed'), 120);
    await until('the firmware starts the boot loader', () => consoles().includes('BdsDxe: starting'));
    const killed = Date.now();
    host('virsh', 'destroy', 'doomed');
    const outcome = await running.done;
    assert.equal(outcome.exitCode, 124);
    assert.match(
      outcome.stderr,
      /Last lines of the console:\n[^]*Somebody ended doomed while it was booting \(/,
    );
    assert.ok(Date.now() - killed < 5000);
  });

  it('makes one VM when two are asked for at once', async () => {
    const outcomes = await Promise.all([1, 2].map(() => podmanBootc('run', '--background', image)));
    const [winner, loser] = outcomes.sort((a, b) => (a.exitCode ?? 1) - (b.exitCode ?? 1));
    assert.equal(winner?.exitCode, 0, winner?.stderr);
    assert.equal(loser?.exitCode, 2, loser?.stderr);
    assert.match(
      loser.stderr,
      /Waiting for podman-bootc run \(process \d+\), which works on the VM [^]*running already/,
    );
  });
});
