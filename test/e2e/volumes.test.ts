import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cli } from '../support/project.js';
import { withoutInstalling } from './support/base-disk.js';
import { host, podmanBootc, soon, start, succeed, until, type Outcome } from './support/cli.js';

const image = 'localhost/podman-bootc-demo:latest';
const state = process.env.TESTBED_STATE ?? '';

/** How many virtiofsd there are in this session of the test bed, and of what starts ours. */
function servers(): number {
  return host('ps', '-eo', 'args')
    .split('\n')
    .filter((args) => args.includes('virtiofsd')).length;
}

interface Inspected {
  volumes: { host: string; guest: string; readOnly: boolean }[];
}

describe("volumes, by the system's libvirt", () => {
  const shared = join(state, 'tmp', 'with space');
  const readOnly = join(state, 'tmp', 'read-only');
  const late = join(state, 'tmp', 'late');
  const ssh = (...command: string[]): Promise<Outcome> => podmanBootc('ssh', 'volumes', ...command);

  before(async () => {
    for (const directory of [shared, readOnly, late]) mkdirSync(directory);
    writeFileSync(join(shared, 'from-host'), 'host\n');
    writeFileSync(join(readOnly, 'from-host'), 'host\n');
    await withoutInstalling(image);
  });

  after(async () => {
    await podmanBootc('rm', '--force', '--all');
  });

  it('refuses a directory that is not there, before anything is made', async () => {
    const outcome = await podmanBootc('create', '--name', 'volumes', '-v', '/nowhere:/var/x', image);
    assert.equal(outcome.exitCode, 120, outcome.stderr);
    assert.match(outcome.stderr, /^Error: The directory \/nowhere of the volume .* is not there$/m);
    assert.equal(await succeed('list', '--all', '-q'), '');
  });

  it('are mounted at the first boot, and files belong to whom they belong on the other side', async () => {
    await succeed(
      ...['create', '--name', 'volumes', ...soon, '-v', `${shared}:/var/shared/deep`],
      ...['-v', `${readOnly}:/var/read-only:ro`, image],
    );
    const [vm] = JSON.parse(await succeed('inspect', 'volumes')) as Inspected[];
    assert.deepEqual(vm?.volumes, [
      { host: shared, guest: '/var/shared/deep', readOnly: false },
      { host: readOnly, guest: '/var/read-only', readOnly: true },
    ]);
    await succeed('start', 'volumes');
    const outcome = await ssh(
      'cat /var/shared/deep/from-host /var/read-only/from-host; echo guest >/var/shared/deep/from-guest; chown 1234 /var/shared/deep/from-guest; systemctl --failed --no-legend',
    );
    assert.equal(outcome.stdout, 'host\nhost\n', outcome.stderr);
    assert.equal(readFileSync(join(shared, 'from-guest'), 'utf8'), 'guest\n');
    assert.equal(statSync(join(shared, 'from-guest')).uid, 1234);
  });

  it('can be read only, also by a guest that mounts anew', async () => {
    assert.match((await ssh('touch /var/read-only/x')).stderr, /Read-only file system/);
    const outcome = await ssh('mount -o remount,rw /var/read-only; touch /var/read-only/x');
    assert.match(outcome.stderr, /Read-only file system/);
    assert.ok(!existsSync(join(readOnly, 'x')));
  });

  it('are added to a VM that runs, and taken away', async () => {
    const added = await podmanBootc('set', '-v', `${late}:/var/late`, 'volumes');
    assert.match(added.stderr, /^volumes: other volumes now$/m);
    assert.equal((await ssh('echo late >/var/late/file')).exitCode, 0);
    assert.equal(readFileSync(join(late, 'file'), 'utf8'), 'late\n');
    const before = servers();
    const removed = await podmanBootc('set', '--rm-volume', '/var/late', 'volumes');
    assert.match(removed.stderr, /^volumes: other volumes now$/m);
    assert.equal((await ssh('ls /var/late')).stdout, '');
    await until('its virtiofsd has ended', () => servers() < before);
  });

  it('are there after a reboot of the guest', async () => {
    const bootId = async (): Promise<string> => (await ssh('cat /proc/sys/kernel/random/boot_id')).stdout;
    const before = await bootId();
    await ssh('systemctl reboot');
    await until('the guest is up again', async () => ![before, ''].includes(await bootId()), 120);
    const outcome = await ssh('cat /var/shared/deep/from-host /var/read-only/from-host; ls /var/late');
    assert.equal(outcome.stdout, 'host\nhost\n', outcome.stderr);
  });

  it('end with the VM, which does not start without them', async () => {
    await succeed('stop', 'volumes');
    await until('no virtiofsd is left', () => servers() === 0);
    rmSync(readOnly, { recursive: true });
    const outcome = await podmanBootc('start', 'volumes');
    assert.equal(outcome.exitCode, 120, outcome.stderr);
    assert.match(
      outcome.stderr,
      /^Error: The directory .*read-only of the volume .* is not there\n.*podman-bootc set --rm-volume \/var\/read-only volumes/m,
    );
    assert.match(
      (await podmanBootc('set', '--rm-volume', '/var/read-only', 'volumes')).stderr,
      /other volumes at next start/,
    );
    const [vm] = JSON.parse(await succeed('inspect', 'volumes')) as Inspected[];
    assert.deepEqual(
      vm?.volumes.map(({ guest }) => guest),
      ['/var/shared/deep'],
    );
  });
});

describe("volumes, by an ordinary user's libvirt", () => {
  const home = join(state, 'home');
  const shared = join(home, 'shared');
  const late = join(home, 'late');
  const socket = join(state, 'tmp', 'podman', 'podman.sock');
  let service: ReturnType<typeof start>;
  const asUser = (...args: string[]): Promise<Outcome> => start('test/testbed/as-user', args).done;
  const ours = (...args: string[]): Promise<Outcome> => asUser(process.execPath, cli, ...args);
  const ssh = (...command: string[]): Promise<Outcome> => ours('ssh', 'volumes', ...command);

  before(async () => {
    mkdirSync(join(state, 'tmp', 'podman'), { recursive: true });
    service = start('podman', ['system', 'service', '--time', '0', `unix://${socket}`]);
    await until('podman listens', () => host('ss', '-lxH').includes(socket));
    chmodSync(socket, 0o666);
    await asUser('podman', 'system', 'connection', 'add', 'rootful', `unix://${socket}`);
    await asUser('mkdir', '-p', shared, late);
    await asUser('sh', '-c', 'echo host >"$1"/from-host', 'sh', shared);
  });

  after(async () => {
    await ours('rm', '--force', '--all');
    service.child.kill();
    await service.done;
  });

  it("are the user's own on this side and root's in the guest", async () => {
    const outcome = await ours(
      ...['run', '--podman', 'rootful', '--name', 'volumes', ...soon, '-v', `${shared}:/var/shared`, image],
      'stat -c %u /var/shared/from-host; cat /var/shared/from-host; echo guest >/var/shared/from-guest',
    );
    assert.equal(outcome.stdout, '0\nhost\n', outcome.stderr);
    const [mine, theirs] = ['from-host', 'from-guest'].map((name) => statSync(join(shared, name)).uid);
    assert.notEqual(mine, 0);
    assert.equal(theirs, mine);
  });

  it('are added to a VM that runs, read only', async () => {
    const added = await ours('set', '-v', `${late}:/var/late:ro`, 'volumes');
    assert.match(added.stderr, /^volumes: other volumes now$/m);
    assert.match(
      (await ssh('mount -o remount,rw /var/late; touch /var/late/x')).stderr,
      /Read-only file system/,
    );
    assert.ok(servers() >= 2);
  });

  it('leave no process when the VM has ended, however it ends', async () => {
    await ours('stop', '--force', 'volumes');
    await until('no virtiofsd is left', () => servers() === 0);
  });

  it('leave none where libvirt cannot start the VM', async () => {
    const virsh = ['virsh', '-c', 'qemu:///session'];
    const { stdout: xml } = await asUser(...virsh, 'dumpxml', '--inactive', 'volumes');
    const broken = join(home, 'broken.xml');
    await asUser('sh', '-c', 'cat >"$1"', 'sh', broken);
    writeFileSync(
      broken,
      xml.replace('</qemu:commandline>', "<qemu:arg value='-no-such-option'/></qemu:commandline>"),
    );
    assert.equal((await asUser(...virsh, 'define', broken)).exitCode, 0);
    const outcome = await ours('start', 'volumes');
    assert.match(outcome.stderr, /^Error: libvirt could not start volumes/m);
    await until('no virtiofsd is left', () => servers() === 0, 5);
  });
});
