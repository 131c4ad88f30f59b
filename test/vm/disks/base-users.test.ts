import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { createOverlay } from '../../../src/disk/qcow2.js';
import { metadataElement } from '../../../src/domain/metadata.js';
import { buildXml, element } from '../../../src/domain/xml.js';
import { markBase, unmarkBases } from '../../../src/vm/disks/base-users.js';
import {
  listBases,
  recoverBases,
  removeBase,
  unusedBases,
  holdBaseDisk,
  type BaseDisk,
} from '../../../src/vm/disks/base-store.js';
import { directoriesFor } from '../../../src/vm/host/directories.js';
import type { Host } from '../../../src/vm/host/host.js';
import { VmDirectory } from '../../../src/vm/files/vm-directory.js';
import { rejectsWithCode } from '../../support/rejects.js';
import { openTestHost } from '../../support/test-host.js';
import { metadataFor, uuidFor } from '../../support/test-node.js';

const size = 4 * 1024 * 1024;

/** Makes a base disk. */
async function provideBase(host: Host): Promise<BaseDisk> {
  await using base = await holdBaseDisk(
    host,
    {
      imageId: 'ab'.repeat(32),
      reference: 'quay.io/test/os:1',
      filesystem: 'xfs',
      rootSizeMax: undefined,
      diskSize: size,
      kargs: [],
      bootcVersion: 'bootc 1.1.0',
    },
    {
      engine: { kind: 'local' },
      install: (disk) => {
        writeFileSync(disk, 'an installed disk');
        truncateSync(disk, size);
        return Promise.resolve();
      },
    },
  );
  return base;
}

async function usersOf(host: Host): Promise<string[]> {
  return (await listBases(host))[0]?.users ?? [];
}

/** Asserts that a base disk is needed by somebody and stays, and that it goes when they are gone. */
async function assertKept(host: Host, base: BaseDisk, who: RegExp, endUse: () => unknown): Promise<void> {
  assert.match((await usersOf(host)).join(), who);
  assert.equal(await removeBase(host, base.key), false);
  assert.ok(existsSync(base.path));
  await endUse();
  assert.deepEqual(await usersOf(host), []);
  assert.equal(await removeBase(host, base.key), true);
}

describe('who needs a base disk', () => {
  it('is an overlay whose header spells the path another way: through a link, or relative', async function () {
    for (const relative of [false, true]) {
      const { host } = await openTestHost(this, []);
      const base = await provideBase(host);
      const disks = join(host.directories.data, 'disks');
      const link = join(host.directories.data, 'link');
      symlinkSync(host.directories.cache, link);
      const overlay = join(disks, `${uuidFor('linked')}.qcow2`);
      const spelled = base.path.replace(host.directories.cache, relative ? '../link' : link);
      await createOverlay(overlay, spelled, size);
      await assertKept(host, base, new RegExp(uuidFor('linked')), () => {
        rmSync(overlay);
      });
    }
  });

  it('is an overlay whose base is not to be reached under its path, which has the key in it', async function () {
    const { host } = await openTestHost(this, []);
    const base = await provideBase(host);
    const elsewhere = join(host.directories.data, 'cache', 'bases', base.key);
    mkdirSync(elsewhere, { recursive: true });
    writeFileSync(join(elsewhere, 'disk.raw'), '');
    const overlay = join(host.directories.data, 'disks', `${uuidFor('container')}.qcow2`);
    await createOverlay(overlay, join(elsewhere, 'disk.raw'), size);
    rmSync(join(host.directories.data, 'cache'), { recursive: true });
    await assertKept(host, base, new RegExp(uuidFor('container')), () => {
      rmSync(overlay);
    });
  });

  it('is an overlay of an overlay', async function () {
    const { host } = await openTestHost(this, []);
    const base = await provideBase(host);
    const below = join(host.directories.data, 'snapshot.qcow2');
    await createOverlay(below, base.path, size);
    const overlay = join(host.directories.data, 'disks', `${uuidFor('upper')}.qcow2`);
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', below, '-F', 'qcow2', overlay]);
    await assertKept(host, base, new RegExp(uuidFor('upper')), () => {
      rmSync(overlay);
    });
  });

  it('is an overlay of another libvirt of this user', async function () {
    const { host } = await openTestHost(this, []);
    const base = await provideBase(host);
    const { data } = directoriesFor(host.directories, 'qemu:///embed?root=/somewhere');
    mkdirSync(join(data, 'disks'), { recursive: true });
    const overlay = join(data, 'disks', `${uuidFor('embedded')}.qcow2`);
    await createOverlay(overlay, base.path, size);
    await assertKept(host, base, new RegExp(uuidFor('embedded')), () => {
      rmSync(overlay);
    });
  });

  it('is an overlay that cannot be read: it cannot be asked', async function () {
    const { host } = await openTestHost(this, []);
    const base = await provideBase(host);
    const overlay = join(host.directories.data, 'disks', `${uuidFor('damaged')}.qcow2`);
    writeFileSync(overlay, 'not qcow2');
    await assertKept(host, base, new RegExp(uuidFor('damaged')), () => {
      rmSync(overlay);
    });
  });

  it('is a VM whose record names it, wherever its disk was moved to', async function () {
    const { host } = await openTestHost(this, []);
    const base = await provideBase(host);
    const { disk, ...metadata } = metadataFor({ name: 'moved' });
    const domain = await host.connection.defineDomain(
      buildXml(
        element(
          'domain',
          { type: 'test' },
          element('name', {}, 'moved'),
          element('uuid', {}, uuidFor('moved')),
          element(
            'metadata',
            {},
            metadataElement({ ...metadata, disk: { ...disk, format: 'qcow2', base: base.key } }),
          ),
          element('memory', { unit: 'MiB' }, '64'),
          element('os', {}, element('type', {}, 'hvm')),
        ),
      ),
    );
    await assertKept(host, base, /^moved$/, () => domain.undefine());
  });

  it('is a VM that libvirt has lost, by the record beside its keys', async function () {
    const { host, directory } = await openTestHost(this, []);
    const base = await provideBase(host);
    mkdirSync(directory('lost'), { recursive: true });
    const kept = {
      version: 1,
      uri: host.uri,
      uuid: uuidFor('lost'),
      name: 'lost',
      image: 'x',
      ports: [],
      disks: [],
      base: base.key,
      definition: '<domain/>',
    };
    writeFileSync(join(directory('lost'), 'vm.json'), JSON.stringify(kept));
    const overlay = join(host.directories.data, 'disks', `${uuidFor('lost')}.qcow2`);
    await createOverlay(overlay, base.path, size);
    await assertKept(host, base, /^lost$/, () => {
      rmSync(directory('lost'), { recursive: true });
      rmSync(overlay);
    });
  });
});

describe('marks beside the base disks', () => {
  async function mark(host: Host, key: string, name: string): Promise<VmDirectory> {
    const directory = VmDirectory.of(host.directories, uuidFor(name));
    await markBase(host, key, { uuid: uuidFor(name), name, directory, disk: directory.disk('qcow2') });
    return directory;
  }

  it('keep a base for somebody who shares only the cache directory: another host, or a container', async function () {
    const { host } = await openTestHost(this, []);
    const base = await provideBase(host);
    const { host: other } = await openTestHost(this, []);
    const sharing: Host = { ...other, directories: { ...other.directories, cache: host.directories.cache } };
    await mark(sharing, base.key, 'web');
    await assertKept(host, base, /^web \(elsewhere\)$/, () => unmarkBases(sharing, uuidFor('web')));
  });

  it('tell two VMs with one uuid apart: the unnamed one of an image has the same everywhere', async function () {
    const { host } = await openTestHost(this, []);
    const base = await provideBase(host);
    const { host: other } = await openTestHost(this, []);
    const sharing: Host = { ...other, directories: { ...other.directories, cache: host.directories.cache } };
    const own = await mark(host, base.key, 'web');
    mkdirSync(own.path, { recursive: true });
    await mark(sharing, base.key, 'web');
    assert.equal(readdirSync(join(host.directories.cache, 'users', base.key)).length, 2);
    await unmarkBases(host, uuidFor('web'));
    assert.deepEqual(await usersOf(host), ['web (elsewhere)']);
    await unmarkBases(sharing, uuidFor('web'));
    assert.deepEqual(await usersOf(host), []);
  });

  it('of a VM that is gone with its files hold nothing: its removal was killed at the very end', async function () {
    const { host } = await openTestHost(this, []);
    const base = await provideBase(host);
    const directory = await mark(host, base.key, 'gone');
    mkdirSync(directory.path, { recursive: true });
    await assertKept(host, base, /^gone$/, () => {
      rmSync(directory.path, { recursive: true });
    });
    assert.ok(!existsSync(join(host.directories.cache, 'users', base.key)));
  });

  for (const [what, damage] of [
    [
      'cut short',
      (file: string) => {
        truncateSync(file, 10);
      },
    ],
    [
      'of another shape',
      (file: string) => {
        writeFileSync(file, '[]');
      },
    ],
    [
      'a directory',
      (file: string) => {
        rmSync(file);
        mkdirSync(file);
      },
    ],
  ] as const) {
    it(`that are ${what} hold the base: nobody can be asked`, async function () {
      const { host } = await openTestHost(this, []);
      const base = await provideBase(host);
      await mark(host, base.key, 'damaged');
      const directory = join(host.directories.cache, 'users', base.key);
      const [name = ''] = readdirSync(directory);
      damage(join(directory, name));
      await assertKept(host, base, /^unknown \(/, () => {
        rmSync(directory, { recursive: true });
      });
    });
  }
});

describe('the record of a base disk', () => {
  /** All the ways in which a file can be other than what was written, without the right to delete what lies beside it. */
  const damages: [string, (file: string) => void][] = [
    [
      'empty',
      (file) => {
        truncateSync(file, 0);
      },
    ],
    [
      'of another shape',
      (file) => {
        writeFileSync(file, '{"parts":{}}');
      },
    ],
    [
      'without a word on whether it is complete',
      (file) => {
        writeFileSync(file, readText(file).replace('"content"', '"cantent"'));
      },
    ],
    [
      'a directory',
      (file) => {
        rmSync(file);
        mkdirSync(file);
      },
    ],
    [
      'a FIFO',
      (file) => {
        rmSync(file);
        execFileSync('mkfifo', [file]);
      },
    ],
    [
      'a link',
      (file) => {
        renameSync(file, `${file}.real`);
        symlinkSync(`${file}.real`, file);
      },
    ],
    [
      'gone',
      (file) => {
        rmSync(file);
      },
    ],
  ];

  for (const [what, damage] of damages) {
    it(`that is ${what} is no reason to delete the disk, nor to use it, and is said once`, async function () {
      const { host, said } = await openTestHost(this, []);
      const base = await provideBase(host);
      const file = join(dirname(base.path), 'base.json');
      damage(file);
      await rejectsWithCode('BASE_DAMAGED', () => provideBase(host));
      said.length = 0;
      await recoverBases(host);
      assert.equal(said.filter((line) => line.includes(file)).length, 1, said.join('\n'));
      assert.deepEqual(
        (await listBases(host)).map(({ state }) => state),
        ['damaged'],
      );
      assert.deepEqual(await unusedBases(host, false), []);
      assert.ok(existsSync(base.path));
    });
  }

  it('that is cut at any byte, or has any bit flipped, never costs the disk and hides no other', async function () {
    const { host } = await openTestHost(this, []);
    const base = await provideBase(host);
    const file = join(dirname(base.path), 'base.json');
    const whole = readText(file);
    const random = mulberry32(11);
    for (let round = 0; round < 60; round++) {
      const at = Math.floor(random() * whole.length);
      const bytes = Buffer.from(whole);
      if (round % 2 === 0) writeFileSync(file, bytes.subarray(0, at));
      else {
        bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8));
        writeFileSync(file, bytes);
      }
      await recoverBases(host);
      assert.ok(existsSync(base.path), `round ${round}, byte ${at}`);
      assert.equal((await listBases(host)).length, 1);
      assert.deepEqual(await unusedBases(host, false), []);
    }
  });
});

function readText(file: string): string {
  return readFileSync(file, 'utf8');
}

/** A small generator of pseudo-random numbers, so that a failure can be had again. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
