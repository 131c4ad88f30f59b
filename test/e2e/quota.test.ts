import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withoutInstalling } from './support/base-disk.js';
import { host, podmanBootc, succeed, type Outcome } from './support/cli.js';
import { bindMount, mountFileSystem } from './support/file-system.js';
import { assertNoTraces, traces } from './support/leftovers.js';

const image = 'localhost/podman-bootc-demo:latest';
const data = '/var/lib/podman-bootc';
const MiB = 1024 ** 2;

/** Asserts the form of every failure: one sentence that speaks of the quota, nothing on stdout, no stack. */
function assertQuotaFailure(outcome: Outcome): void {
  assert.notEqual(outcome.exitCode, 0);
  assert.equal(outcome.stdout, '');
  assert.match(outcome.stderr, /^Error: \S/m);
  assert.match(outcome.stderr, /quota/i);
  assert.doesNotMatch(outcome.stderr, /^\s+at |EDQUOT|Unknown system error/m);
}

/*
 * A quota of btrfs, which has its own: that of ext4 and xfs needs a kernel with CONFIG_QFMT_V2 or CONFIG_XFS_QUOTA,
 * which small ones lack. To a program they are one: EDQUOT.
 */
describe('a quota that is used up', () => {
  let initial: Record<string, string[]>;
  const mounts: Disposable[] = [];

  before(async () => {
    initial = traces();
    // The base disk, which lies elsewhere.
    await withoutInstalling(image);
    const mounted = mountFileSystem('btrfs', 20 * 1024 ** 3);
    mounts.push(mounted);
    const { path } = mounted;
    const volume = join(path, 'volume');
    host('btrfs', 'quota', 'enable', path);
    host('btrfs', 'subvolume', 'create', volume);
    host('btrfs', 'qgroup', 'limit', String(64 * MiB), volume);
    mounts.push(bindMount(volume, data));
    await succeed('create', '--name', 'kept', image);
  });

  after(async () => {
    await podmanBootc('rm', '--force', 'kept', 'other');
    for (const mount of mounts.reverse()) mount[Symbol.dispose]();
    await podmanBootc('disk', 'prune', '--all', '--force');
    assertNoTraces(initial);
  });

  const filler = join(data, 'filler');

  /** Writes until the quota takes no more. */
  function fill(): void {
    for (let size = 64 * MiB; size >= 4096; size /= 2) {
      for (let name = 0; ; name++) {
        try {
          writeFileSync(`${filler}-${size}-${name}`, Buffer.alloc(size, name + 1), {
            flag: 'wx',
            flush: true,
          });
        } catch {
          rmSync(`${filler}-${size}-${name}`, { force: true });
          break;
        }
      }
    }
  }

  it('is named when the copy of a base disk exceeds it, of which nothing is left', async () => {
    const before = traces();
    assertQuotaFailure(await podmanBootc('create', '--disk-format', 'raw', '--name', 'other', image));
    assertNoTraces(before);
    assert.match(await succeed('list'), /kept/);
  });

  it('is named when there is no room for an overlay, and other VMs stay as they are', async () => {
    const before = traces();
    fill();
    assertQuotaFailure(await podmanBootc('create', '--name', 'other', image));
    assertNoTraces(before);
    assert.match(await succeed('list'), /kept/);
  });

  it('is named when there is no room for the journal of a removal, which works as soon as there is', async () => {
    // Unlike a full ext4, btrfs counts the blocks of its trees: giving up a file makes no room for another.
    assertQuotaFailure(await podmanBootc('rm', 'kept'));
    assert.match(await succeed('list'), /kept/);
    for (const name of readdirSync(data).filter((each) => each.startsWith('filler')))
      rmSync(join(data, name));
    execFileSync('sync', ['--file-system', data]);
    await succeed('rm', 'kept');
    assert.deepEqual(traces().disks, []);
    assert.deepEqual(traces().directories, []);
  });
});
