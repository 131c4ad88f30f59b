import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { host, podmanBootc, start, startCli, until, type Outcome } from './support/cli.js';
import { cli } from '../support/project.js';
import type { CheckId } from '../../src/checks.js';
import type { Finding, HostReport } from '../../src/doctor/index.js';

const image = 'localhost/podman-bootc-demo:latest';

/** What `doctor --format json` printed, by ids. */
function findings(outcome: Outcome): Record<CheckId, Finding> {
  const report = JSON.parse(outcome.stdout) as HostReport;
  assert.equal(outcome.stderr, '');
  assert.equal(outcome.exitCode, report.works ? 0 : 120, outcome.stdout);
  assert.equal(
    report.works,
    report.findings.every(({ status }) => status !== 'failure'),
  );
  return Object.fromEntries(report.findings.map((finding) => [finding.id, finding])) as Record<
    CheckId,
    Finding
  >;
}

async function doctor(...args: string[]): Promise<Record<CheckId, Finding>> {
  return findings(await podmanBootc('doctor', '--format', 'json', ...args));
}

describe('doctor', () => {
  const state = process.env.TESTBED_STATE ?? '';
  const home = join(state, 'home', 'doctor');
  const asUser = (...args: string[]): Promise<Outcome> =>
    start('test/testbed/as-user', ['env', `HOME=${home}`, ...args]).done;

  before(async () => {
    assert.ok(state !== '', 'runs inside test/testbed/enter');
    assert.equal((await asUser('mkdir', '-p', home)).exitCode, 0);
  });

  it('says that root can run VMs here, and leaves nothing behind', async () => {
    const tree = (): string[] =>
      ['/var/lib/podman-bootc', '/var/cache/podman-bootc', '/run/podman-bootc', tmpdir()].flatMap(
        (directory) => host('find', directory, '-maxdepth', '2').split('\n').sort(),
      );
    // The first contact makes what libvirt and podman keep.
    host('virsh', 'list');
    host('podman', 'info');
    const before = tree();
    const found = await doctor();
    assert.deepEqual(tree(), before);
    assert.deepEqual(
      Object.values(found).filter(({ status }) => status === 'failure'),
      [],
    );
    assert.match(
      found.PB001.finding,
      /^libvirt \d+\.\d+\.\d+ \((libvirtd|virtqemud)\) answers at qemu:.*driver QEMU$/,
    );
    assert.match(found.PB002.finding, /^QEMU \d+\.\d+\.\d+ for (x86_64|aarch64) \(\/\S+, \S+\)$/);
    for (const id of ['PB005', 'PB006', 'PB009', 'PB010', 'PB011', 'PB014', 'PB018', 'PB019'] as const)
      assert.equal(found[id].status, 'ok', found[id].finding);
  });

  describe('where /dev/kvm is for root only, and QEMU runs as another user', () => {
    const cause = 'closed to the user that libvirt runs QEMU as (uid 64055)';
    const fix = 'chgrp kvm /dev/kvm && chmod 660 /dev/kvm';

    let isOurs = false;

    before(() => {
      isOurs = !existsSync('/dev/kvm');
      // Usable or not: what counts here is who may open it. So where there is none, the null device has its name meanwhile.
      if (isOurs) host('mknod', '/dev/kvm', 'c', '1', '3');
      host('chmod', '600', '/dev/kvm');
    });
    after(() => {
      if (isOurs) rmSync('/dev/kvm');
      else host('sh', '-c', fix);
    });

    it('says so, and how to open it', async () => {
      const { PB003 } = await doctor();
      assert.equal(PB003.status, 'warning');
      assert.ok(PB003.finding.includes(cause), PB003.finding);
      assert.equal(PB003.fix, fix);
    });

    it('is joined by create, which says so before it waits for libvirt', async () => {
      const creating = startCli(['create', '--name', 'slow', image]);
      await until('the cause is named', () => creating.stderr().includes(cause));
      creating.child.kill('SIGINT');
      assert.equal((await creating.done).exitCode, 130);
      assert.ok(!(await podmanBootc('list')).stdout.includes('slow'));
    });
  });

  it('says to a user what is missing, under the ID that a failed run names', async () => {
    const found = findings(await asUser(process.execPath, cli, 'doctor', '--format', 'json'));
    assert.equal(found.PB001.status, 'ok', found.PB001.finding);
    assert.equal(found.PB011.status, 'failure');
    assert.equal(found.PB011.fix, 'podman machine init --rootful --now');
    assert.match(found.PB012.finding, /^No podman machine/);
    assert.ok(!readdirSync(home).includes('.local'), 'doctor makes no directories');
    const run = await asUser(process.execPath, cli, 'run', image);
    assert.equal(run.exitCode, 120);
    assert.match(run.stderr, /\nSee `podman-bootc doctor` \(PB011\)\n$/);
  });

  it('says that a user with a connection to a rootful podman can run VMs', async () => {
    const directory = join(state, 'tmp', 'doctor-podman');
    const socket = join(directory, 'podman.sock');
    mkdirSync(directory, { recursive: true });
    const service = start('podman', ['system', 'service', '--time', '0', `unix://${socket}`]);
    try {
      await until('podman listens', () => host('ss', '-lxH').includes(socket));
      chmodSync(socket, 0o666);
      await asUser('podman', 'system', 'connection', 'add', 'rootful', `unix://${socket}`);
      const arguments_ = ['doctor', '--podman', 'rootful'];
      const found = findings(await asUser(process.execPath, cli, ...arguments_, '--format', 'json'));
      assert.equal(found.PB011.status, 'ok', found.PB011.finding);
      assert.match(found.PB012.finding, /other connections: rootful/);
      assert.match(found.PB013.finding, /connection rootful leads to this host/);
      const lines = await asUser(process.execPath, cli, ...arguments_);
      assert.equal(lines.exitCode, 0, lines.stdout);
      assert.match(lines.stdout, /\n\nThis host can run VMs\./);
    } finally {
      service.child.kill();
      await service.done;
    }
  });

  it('names the directories that a user may not write to', async () => {
    const closed = join(state, 'home', 'closed');
    mkdirSync(closed, { mode: 0o755 });
    const found = findings(
      await asUser('env', `XDG_DATA_HOME=${closed}`, process.execPath, cli, 'doctor', '--format', 'json'),
    );
    assert.equal(found.PB015.status, 'failure');
    assert.match(
      found.PB015.finding,
      /closed\/podman-bootc cannot be written, nor made in \S*\/closed: EACCES/,
    );
    assert.match(found.PB015.fix ?? '', /^sudo chown -R \$USER \S*\/closed$/);
  });

  it('names a libvirt that refuses and the command that starts it', async () => {
    const socket = join(mkdtempSync(join(tmpdir(), 'libvirt-')), 'closed');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    // What a killed daemon leaves: the socket's name, and nobody behind it.
    const path = `${socket}.stale`;
    host('ln', socket, path);
    await new Promise((resolve) => server.close(resolve));
    const uri = `qemu+unix:///system?socket=${path}`;
    const found = await doctor('--connect', uri);
    assert.equal(found.PB001.status, 'failure');
    assert.match(found.PB001.finding, /Connection refused/);
    assert.match(found.PB001.fix ?? '', /libvirtd -d$|^systemctl start /);
    assert.equal(found.PB002.finding, 'Not known because of PB001');
    const list = await podmanBootc('list', '--connect', uri);
    assert.match(list.stderr, /\nSee `podman-bootc doctor` \(PB001\)\n$/);
  });

  it('waits neither for a libvirt that is mute nor for a podman that hangs', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'mute-'));
    const server = createServer(() => {
      // Says nothing.
    });
    await new Promise<void>((resolve) => server.listen(join(directory, 'socket'), resolve));
    writeFileSync(join(directory, 'podman'), '#!/bin/sh\ntrap "" TERM\nwhile :; do sleep 1; done\n', {
      mode: 0o755,
    });
    try {
      const running = startCli(
        [
          'doctor',
          '--format',
          'json',
          '--connect',
          `qemu+unix:///system?socket=${join(directory, 'socket')}`,
        ],
        { env: { PATH: `${directory}:${process.env.PATH ?? ''}` } },
      );
      const outcome = await running.done;
      const found = findings(outcome);
      assert.match(found.PB001.finding, /libvirt does not answer at .*: no answer within 20 s/);
      assert.match(found.PB011.finding, /podman does not answer: no answer within 20 s/);
      assert.ok(outcome.milliseconds < 60_000, `${outcome.milliseconds} ms`);
      await until('the podman is gone', () => !host('ps', '-eo', 'args').includes(join(directory, 'podman')));
    } finally {
      server.close();
    }
  });

  describe('on file systems of its own', () => {
    const cache = '/var/cache/podman-bootc';
    const data = '/var/lib/podman-bootc';
    const mounted: string[] = [];

    const mount = (on: string, ...args: string[]): void => {
      mkdirSync(on, { recursive: true });
      host('mount', ...args, on);
      mounted.push(on);
    };

    afterEach(() => {
      for (const on of mounted.splice(0)) host('umount', on);
    });

    it('measures the space', async () => {
      mount(cache, '-t', 'tmpfs', '-o', 'size=10G', 'tmpfs');
      host('fallocate', '-l', '128M', join(cache, 'filler'));
      assert.match((await doctor()).PB016.finding, /has only 9.9 GiB free, less than one disk can grow to/);
      host('truncate', '-s', '0', join(cache, 'filler'));
      assert.match((await doctor()).PB016.finding, /10 GiB free; sparse files, no reflinks/);
    });

    it('names a file system that is full, and one that no disk fits on', async () => {
      mount(cache, '-t', 'tmpfs', '-o', 'size=64M', 'tmpfs');
      host('fallocate', '-l', '64M', join(cache, 'filler'));
      mount(data, '-t', 'tmpfs', '-o', 'size=2G', 'tmpfs');
      const found = await doctor();
      assert.equal(found.PB016.status, 'failure');
      assert.match(found.PB016.finding, /podman-bootc is full$/);
      assert.equal(found.PB016.fix, 'podman-bootc disk prune --all');
      assert.equal(found.PB015.status, 'failure');
      assert.match(found.PB015.finding, /holds 2 GiB in all, and a disk has 10 GiB by default/);
      assert.equal(found.PB015.fix, 'podman-bootc run --disk-size 2G IMAGE');
    });

    it('sees one that may only be read', async () => {
      mount(data, '-t', 'tmpfs', '-o', 'ro', 'tmpfs');
      const found = await doctor();
      assert.equal(found.PB015.status, 'failure');
      assert.match(found.PB015.finding, /cannot be written: EROFS/);
    });

    it('sees reflinks where there are some', async () => {
      const directory = mkdtempSync(join(tmpdir(), 'xfs-'));
      const file = join(directory, 'disk');
      host('truncate', '--size', '20G', file);
      // prettier-ignore
      host('podman', 'run', '--rm', '--network', 'none', '--volume', `${directory}:/output`, image, 'mkfs.xfs', '-q', '/output/disk');
      mount(data, '-o', 'loop', file);
      const found = await doctor();
      assert.equal(found.PB015.status, 'ok');
      assert.match(found.PB015.finding, /sparse files, reflinks$/);
      assert.deepEqual(readdirSync(data), []);
    });
  });
});
