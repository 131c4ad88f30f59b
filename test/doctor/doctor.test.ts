import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { checkIds } from '../../src/checks.js';
import { examineHost } from '../../src/doctor/index.js';
import { FakeDaemon } from '../libvirt/fake-daemon.js';
import { directoriesIn, temporaryDirectory } from '../support/temporary.js';
import { examineWithPath, pathWith } from './support.js';

const isRoot = process.getuid?.() === 0;

/** Whether a process lives; one that has ended and was not waited for yet does not. */
function isAlive(pid: string): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

const hostsOwn = ['PB020', 'PB021', 'PB022', 'PB023', 'PB024'] as const;
const idle = { average: 0, cpus: 1 };

describe('doctor', () => {
  let root: string;

  before(function () {
    root = temporaryDirectory(this);
  });

  it('finds everything missing where there is nothing', async () => {
    const found = await examineWithPath(pathWith(root, {}), {
      uri: 'qemu+unix:///session?socket=/nonexistent/socket',
      directories: directoriesIn(join(root, 'fresh')),
    });
    assert.equal(found.works, false);
    const statuses = Object.fromEntries(checkIds.map((id) => [id, found[id].status]));
    assert.deepEqual(statuses, {
      PB001: 'failure',
      PB002: 'failure',
      PB003: 'warning',
      PB004: 'warning',
      PB005: 'warning',
      PB006: 'warning',
      PB007: 'warning',
      // Not in PATH anyway, so whether it is found depends on this host.
      PB008: found.PB008.status,
      PB009: 'failure',
      PB010: 'failure',
      PB011: 'failure',
      PB012: 'warning',
      PB013: isRoot ? 'ok' : 'warning',
      PB014: found.PB014.status,
      PB015: 'ok',
      PB016: 'ok',
      PB017: 'ok',
      PB018: 'failure',
      PB019: 'warning',
      // Of the kernel and of what runs on this host.
      ...Object.fromEntries(hostsOwn.map((id) => [id, isRoot ? found[id].status : 'warning'])),
      PB025: 'warning',
    });
    assert.match(found.PB001.finding, /libvirt does not answer at qemu\+unix.*\/nonexistent\/socket/);
    assert.match(found.PB002.finding, /There is no QEMU for /);
    assert.match(found.PB003.finding, /Not known because of PB002/);
    assert.match(found.PB005.finding, /Not known because of PB002/);
    assert.match(found.PB006.finding, /no TPM: swtpm was not found in PATH/);
    assert.match(found.PB009.finding, /qemu-img was not found/);
    assert.match(found.PB010.finding, /podman was not found in PATH/);
    assert.match(found.PB018.finding, /Not found in PATH: ssh, ssh-keygen, scp/);
    assert.match(found.PB019.finding, /--cloudinit.* none of xorriso/);
  });

  it('tells half of a package from none of it', async () => {
    const path = pathWith(root, { swtpm: '/bin/true', ssh: '/bin/true', 'ssh-keygen': '/bin/true' });
    const found = await examineWithPath(path, {
      uri: 'test:///default',
      directories: directoriesIn(root),
    });
    assert.deepEqual([found.PB018.status, found.PB018.finding], ['warning', 'Not found in PATH: scp']);
    assert.equal(found.PB006.status, 'failure');
    assert.match(found.PB006.finding, /do not start: swtpm_setup and swtpm_ioctl not found in PATH/);
  });

  it('names the driver and the version of a libvirt that answers, and misses its QEMU', async () => {
    const found = await examineWithPath(pathWith(root, {}), {
      uri: 'test:///default',
      directories: directoriesIn(root),
    });
    assert.equal(found.PB001.status, 'ok');
    assert.match(found.PB001.finding, /^libvirt \d+\.\d+\.\d+ answers at test:\/\/\/default, driver TEST$/);
    assert.equal(found.PB002.status, 'failure');
    assert.match(found.PB002.finding, /libvirt \(test:\/\/\/default\) has no QEMU for/);
  });

  for (const deaf of [true, false]) {
    it(`does not wait for a libvirt that ${deaf ? 'accepts and never answers' : 'opens and then hangs'}`, async () => {
      const daemon = await FakeDaemon.start({ deaf });
      const begin = Date.now();
      try {
        const { works, findings } = await examineHost({
          uri: daemon.uri,
          directories: directoriesIn(root),
          deadline: 1000,
          load: idle,
        });
        assert.equal(works, false);
        const [libvirt, qemu] = findings;
        assert.deepEqual([libvirt?.id, libvirt?.status], ['PB001', 'failure']);
        assert.match(libvirt?.finding ?? '', /no answer within 1 s|no answer in time/);
        assert.match(qemu?.finding ?? '', /Not known because of PB001|There was no answer in time/);
        assert.ok(Date.now() - begin < 8000, `${Date.now() - begin} ms`);
      } finally {
        await daemon.stop();
      }
    });
  }

  it('does not wait for a podman that hangs, and ends it though it ignores SIGTERM', async () => {
    const pids = join(root, 'pids');
    // Its child keeps its output open, as a podman behind a wrapper does.
    const podman = pathWith(root, {
      podman: `echo $$ >>${pids}; trap '' TERM; while :; do /bin/sleep 0.1; done`,
    });
    const found = await examineWithPath(podman, {
      uri: 'test:///default',
      directories: directoriesIn(root),
      deadline: 1000,
      load: idle,
    });
    for (const id of ['PB010', 'PB011'] as const) {
      assert.equal(found[id].status, 'failure');
      assert.match(found[id].finding, /podman does not answer.*: no answer within 1 s/);
      assert.ok(found[id].fix !== null);
    }
    const started = readFileSync(pids, 'utf8').trim().split('\n');
    assert.ok(started.length >= 2, 'was started');
    for (let tries = 0; started.some(isAlive); tries++) {
      assert.ok(tries < 100, `still alive: ${started.filter(isAlive).join()}`);
      await delay(50);
    }
  });

  it('calls what is late on a busy host slow, and recommends nothing that would end it', async () => {
    const podman = pathWith(root, { podman: 'exec /bin/sleep 60' });
    const found = await examineWithPath(podman, {
      uri: 'test:///default',
      directories: directoriesIn(root),
      deadline: 500,
      load: { average: 18.06, cpus: 2 },
    });
    for (const id of ['PB010', 'PB011'] as const) {
      assert.deepEqual([found[id].status, found[id].fix], ['warning', null]);
      assert.match(
        found[id].finding,
        /no answer within 0\.5 s; but this host is busy \(a load of 18\.1 on 2 CPUs\), and it may only be slow$/,
      );
    }
  });

  it('shows what a podman that fails says', async () => {
    const podman = pathWith(root, { podman: 'echo "Error: no space on device" >&2; exit 125' });
    const found = await examineWithPath(podman, {
      uri: 'test:///default',
      podman: isRoot ? 'local' : 'auto',
      directories: directoriesIn(root),
    });
    assert.equal(found.PB010.status, 'failure');
    assert.match(found.PB010.finding, /podman does not tell its version .*: no space on device/);
    assert.equal(found.PB011.status, 'failure');
  });

  it('changes nothing', async () => {
    const home = join(root, 'untouched');
    mkdirSync(join(home, 'data'), { recursive: true });
    writeFileSync(join(home, 'data', 'file'), 'x');
    await examineHost({ uri: 'test:///default', directories: directoriesIn(home) });
    assert.deepEqual(readdirSync(home, { recursive: true }).sort(), ['data', 'data/file']);
  });

  it('names a directory that cannot be made', async () => {
    writeFileSync(join(root, 'file'), '');
    const found = await examineWithPath(process.env.PATH ?? '', {
      uri: 'test:///default',
      directories: directoriesIn(join(root, 'file', 'below')),
    });
    for (const id of ['PB015', 'PB016', 'PB017'] as const) {
      assert.equal(found[id].status, 'failure', found[id].finding);
      assert.match(found[id].finding, /cannot be written/);
    }
  });

  it('tells sparse files and reflinks apart from their absence', async function () {
    // tmpfs has sparse files and no reflinks. It may be small, and is then too small for a disk.
    if (!existsSync('/dev/shm')) assert.fail('every Linux has /dev/shm');
    const found = await examineWithPath(process.env.PATH ?? '', {
      uri: 'test:///default',
      directories: directoriesIn('/dev/shm/podman-bootc-test'),
    });
    assert.match(found.PB015.finding, /sparse files, no reflinks|holds \S+ \S+ in all|has only/);
    assert.ok(!existsSync('/dev/shm/podman-bootc-test'));
  });

  it('ends at once when it is interrupted', async () => {
    const daemon = await FakeDaemon.start({ deaf: true });
    try {
      const interrupt = new AbortController();
      const examined = examineHost({
        uri: daemon.uri,
        directories: directoriesIn(root),
        signal: interrupt.signal,
      });
      interrupt.abort(new Error('interrupted'));
      await assert.rejects(examined, /interrupted/);
    } finally {
      await daemon.stop();
    }
  });
});
