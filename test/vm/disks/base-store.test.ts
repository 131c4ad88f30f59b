import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { chmod, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { baseKey, differences, type BaseParts } from '../../../src/vm/disks/base-key.js';
import {
  checkBacking,
  installedReferences,
  listBases,
  recoverBases,
  removeBase,
  unusedBases,
  holdBaseDisk,
  type HeldBaseDisk,
  type BaseDisk,
} from '../../../src/vm/disks/base-store.js';
import { createOverlay } from '../../../src/disk/qcow2.js';
import { acquireLock } from '../../../src/vm/host/lock.js';
import { VmDirectory } from '../../../src/vm/files/vm-directory.js';
import { rejectsWithCode } from '../../support/rejects.js';
import { openTestHost, type TestHost } from '../../support/test-host.js';
import { uuidFor } from '../../support/test-node.js';

const parts: BaseParts = {
  imageId: 'ab'.repeat(32),
  reference: 'quay.io/test/os:1',
  filesystem: 'xfs',
  rootSizeMax: undefined,
  diskSize: 4 * 1024 * 1024,
  kargs: [],
  bootcVersion: 'bootc 1.1.0',
};

describe("a base disk's key", () => {
  it('is the same for the same parts, and another one for each part that differs', () => {
    const variants: Partial<BaseParts>[] = [
      { imageId: 'cd'.repeat(32) },
      { reference: 'quay.io/test/os:2' },
      { filesystem: 'ext4' },
      { rootSizeMax: 1 },
      { diskSize: 5 },
      { kargs: ['quiet'] },
      { kargs: ['quiet', 'a'] },
      { bootcVersion: 'bootc 1.1.1' },
      { backend: { composefs: true, bootloader: undefined, bootcArgs: [] } },
      { backend: { composefs: false, bootloader: 'systemd', bootcArgs: [] } },
      { backend: { composefs: false, bootloader: undefined, bootcArgs: ['--a'] } },
      { backend: { composefs: false, bootloader: undefined, bootcArgs: ['--a', '--b'] } },
    ];
    const keys = [{}, ...variants].map((variant) => baseKey({ ...parts, ...variant }));
    assert.equal(new Set(keys).size, keys.length);
    assert.equal(baseKey({ ...parts }), keys[0]);
    assert.match(keys[0] ?? '', /^[0-9a-f]{24}$/);
  });

  it('stays what it was before there were backends to choose from, where none is chosen', () => {
    assert.equal(baseKey(parts), 'd2878b4d4a77fd97a20f4539');
  });

  it('is explained by what differs', () => {
    const backend = { composefs: true, bootloader: 'systemd', bootcArgs: ['--a=b', '--c'] };
    assert.deepEqual(differences({ ...parts, backend }, parts), [
      '`composefsBackend` set, not unset',
      '`bootloader` systemd, not none',
      '`bootcArgs` --a=b --c, not none',
    ]);
    assert.deepEqual(differences({ ...parts, filesystem: 'ext4', kargs: ['a', 'b'] }, parts), [
      '`filesystem` ext4, not xfs',
      '`kargs` a b, not none',
    ]);
    assert.deepEqual(differences(parts, { ...parts }), []);
  });
});

describe('base disks', () => {
  let installs = 0;

  /** Asks for a base disk; the installation writes a file as bootc would. */
  function hold(test: TestHost, wanted: Partial<BaseParts> = {}): Promise<HeldBaseDisk> {
    return holdBaseDisk(
      test.host,
      { ...parts, ...wanted },
      {
        engine: { kind: 'local' },
        install: async (disk, partialDisk) => {
          installs++;
          await writeFile(partialDisk, 'an installed disk');
          truncateSync(partialDisk, parts.diskSize);
          await rename(partialDisk, disk);
        },
      },
    );
  }

  async function provide(test: TestHost, wanted: Partial<BaseParts> = {}): Promise<BaseDisk> {
    await using base = await hold(test, wanted);
    return base;
  }

  beforeEach(() => {
    installs = 0;
  });

  it('are installed once, however many ask at the same time, and cannot be written to', async function () {
    const test = await openTestHost(this, []);
    const made = await Promise.all(Array.from({ length: 20 }, () => provide(test)));
    assert.equal(installs, 1);
    assert.equal(new Set(made.map(({ path }) => path)).size, 1);
    assert.equal(statSync(made[0]?.path ?? '').mode & 0o777, 0o400);
    await provide(test);
    assert.equal(installs, 1);
  });

  it('tell under which names an image was installed, the oldest first', async function () {
    const test = await openTestHost(this, []);
    await provide(test);
    await provide(test, { reference: 'quay.io/test/other:1' });
    await provide(test, { reference: 'quay.io/test/another:1', imageId: 'cd'.repeat(32) });
    assert.deepEqual(await installedReferences(test.host.directories, parts.imageId), [
      'quay.io/test/os:1',
      'quay.io/test/other:1',
    ]);
  });

  it('are made anew for another option, which is named', async function () {
    const test = await openTestHost(this, []);
    await provide(test);
    assert.doesNotMatch(test.said.join('\n'), /installed before/);
    await provide(test, { filesystem: 'ext4' });
    assert.equal(installs, 2);
    assert.match(
      test.said.join('\n'),
      /installed before, but with other options: `filesystem` ext4, not xfs/,
    );
    assert.match(test.said.join('\n'), new RegExp(`Base disk ${baseKey(parts)}`));
  });

  it('are not removed as long as somebody holds them', async function () {
    const test = await openTestHost(this, []);
    {
      await using base = await hold(test);
      assert.equal(await removeBase(test.host, base.key), false);
      assert.ok(existsSync(base.path));
    }
    assert.equal(await removeBase(test.host, baseKey(parts)), true);
  });

  it('leave nothing when the installation fails', async function () {
    const test = await openTestHost(this, []);
    await assert.rejects(
      holdBaseDisk(test.host, parts, {
        engine: { kind: 'local' },
        install: () => Promise.reject(new Error('no')),
      }),
      /^Error: no$/,
    );
    assert.deepEqual(readdirSync(join(test.host.directories.cache, 'bases')), []);
  });

  for (const [what, damage] of [
    ['shorter', (path: string) => rm(path).then(() => writeFile(path, 'x'))],
    [
      'overwritten at its beginning',
      (path: string) => chmod(path, 0o644).then(() => writeFile(path, 'not', { flag: 'r+' })),
    ],
    ['gone', (path: string) => rm(path)],
  ] as const) {
    it(`that are ${what} are reported, never used and never deleted`, async function () {
      const test = await openTestHost(this, []);
      const { path } = await provide(test);
      await damage(path);
      const there = existsSync(path);
      await rejectsWithCode('BASE_DAMAGED', () => provide(test));
      await rejectsWithCode('BASE_DAMAGED', () => checkBacking(test.host, path));
      await recoverBases(test.host);
      assert.equal(existsSync(path), there);
      assert.equal((await listBases(test.host))[0]?.state, 'damaged');
      assert.equal(installs, 1);
    });
  }

  it('are pruned when something newer has replaced them, or all that nothing needs', async function () {
    const test = await openTestHost(this, []);
    const old = await provide(test);
    await new Promise((resolve) => setTimeout(resolve, 5));
    const newer = await provide(test, { imageId: 'cd'.repeat(32) });
    const other = await provide(test, { reference: 'quay.io/test/other:1' });
    const keys = async (all: boolean) => (await unusedBases(test.host, all)).map(({ key }) => key).sort();
    assert.deepEqual(await keys(false), [old.key]);
    assert.deepEqual(await keys(true), [old.key, newer.key, other.key].sort());
    assert.equal(await removeBase(test.host, old.key), true);
    assert.deepEqual(await keys(false), []);
    assert.ok(!existsSync(dirname(old.path)));
  });

  it('stay while an overlay, a half made VM or another process needs them', async function () {
    const test = await openTestHost(this, []);
    const { key, path } = await provide(test);
    const keeps = async (who: RegExp) => {
      assert.equal(await removeBase(test.host, key), false);
      assert.deepEqual(await unusedBases(test.host, true), []);
      assert.match((await listBases(test.host))[0]?.users.join() ?? '', who);
    };

    const disks = join(test.host.directories.data, 'disks');
    mkdirSync(disks, { recursive: true });
    const overlay = join(disks, `${uuidFor('elsewhere')}.qcow2`);
    await createOverlay(overlay, path, parts.diskSize);
    await keeps(new RegExp(uuidFor('elsewhere')));
    await rm(overlay);

    const directory = new VmDirectory(test.directory('half'));
    await directory.claim(
      test.host.directories,
      {
        operation: 'create',
        uri: test.host.uri,
        name: 'half',
        image: parts.reference,
        since: '2026-01-02T03:04:05.000Z',
        base: key,
      },
      'qcow2',
    );
    await keeps(/^half$/);
    await directory.remove();

    const lock = await acquireLock(test.host, `base-${key}`, { what: 'a base disk' });
    assert.equal(await removeBase(test.host, key), false);
    await lock[Symbol.asyncDispose]();
    assert.equal(await removeBase(test.host, key), true);
  });

  it('stay while a domain names them, wherever its disk is', async function () {
    const test = await openTestHost(this, []);
    const { key, path } = await provide(test);
    const domain = await test.host.connection.defineDomain(
      `<domain type='test'><name>clone</name><memory>8192</memory><os><type>hvm</type></os><description>${path}</description></domain>`,
    );
    assert.equal(await removeBase(test.host, key), false);
    assert.deepEqual((await listBases(test.host))[0]?.users, ['clone']);
    await domain.undefine();
    assert.equal(await removeBase(test.host, key), true);
  });

  it('that a killed process left half made are cleaned up, unless it still lives', async function () {
    const test = await openTestHost(this, []);
    const directory = join(test.host.directories.cache, 'bases', 'ab'.repeat(12));
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'disk.raw.1234.partial'), 'half');
    const lock = await acquireLock(test.host, `base-${'ab'.repeat(12)}`, { what: 'a base disk' });
    await recoverBases(test.host);
    assert.ok(existsSync(directory));
    await lock[Symbol.asyncDispose]();
    await recoverBases(test.host);
    assert.ok(!existsSync(directory));
  });
});
