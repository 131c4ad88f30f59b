import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { ownUid } from '../../../src/own-file.js';
import {
  makeDirectory,
  mendDirectory,
  userDirectories,
  type Directories,
} from '../../../src/vm/host/directories.js';
import { rejectsWithCode } from '../../support/rejects.js';
import { temporaryDirectory } from '../../support/temporary.js';

describe('directories', () => {
  it('are below /var and /run for root, where the QEMU of the system daemon reaches them', () => {
    const directories = userDirectories({ XDG_DATA_HOME: '/elsewhere' }, true, '/root');
    assert.deepEqual(
      [directories.data, directories.cache, directories.runtime],
      ['/var/lib/podman-bootc', '/var/cache/podman-bootc', '/run/podman-bootc'],
    );
    assert.equal(directories.mode, 0o711);
  });

  it('follow the XDG variables for others', () => {
    const environment = { XDG_DATA_HOME: '/d', XDG_CACHE_HOME: '/c', XDG_RUNTIME_DIR: '/r' };
    assert.deepEqual(userDirectories(environment, false, '/home/me'), {
      data: '/d/podman-bootc',
      cache: '/c/podman-bootc',
      runtime: '/r/podman-bootc',
      mode: 0o700,
    });
  });

  it('have the defaults of the specification, also for relative paths, which it says to ignore', () => {
    const { data, cache, runtime } = userDirectories(
      { XDG_DATA_HOME: 'relative', XDG_CACHE_HOME: '' },
      false,
      '/home/me',
    );
    assert.deepEqual([data, cache], ['/home/me/.local/share/podman-bootc', '/home/me/.cache/podman-bootc']);
    assert.equal(
      runtime,
      '/home/me/.local/share/podman-bootc/podman-bootc',
      'without a runtime directory beside the data',
    );
  });

  it('need a HOME that is a path, unless the variables name them all', async () => {
    for (const HOME of ['', 'home/me', '.']) {
      const error = await rejectsWithCode('HOME_INVALID', () => userDirectories({ HOME }, false));
      assert.equal(error.message, `Expected HOME to be an absolute path, got ${JSON.stringify(HOME)}`);
      const all = { HOME, XDG_DATA_HOME: '/d', XDG_CACHE_HOME: '/c', XDG_RUNTIME_DIR: '/r' };
      assert.equal(userDirectories(all, false).data, '/d/podman-bootc');
      assert.equal(userDirectories({ HOME }, true).data, '/var/lib/podman-bootc');
    }
  });

  it('are refused for a relative XDG_RUNTIME_DIR, below which libvirt would look for its socket', async () => {
    await rejectsWithCode('RUNTIME_DIRECTORY_INVALID', () =>
      userDirectories({ XDG_RUNTIME_DIR: 'run' }, false, '/home/me'),
    );
  });
});

describe('making a directory', () => {
  let root: string;
  let directories: Directories;
  beforeEach(function () {
    root = temporaryDirectory(this);
    directories = {
      data: join(root, 'share', 'data'),
      cache: join(root, 'cache'),
      runtime: join(root, 'run'),
      mode: 0o711,
    };
  });

  async function withUmask(umask: number, action: () => Promise<void>): Promise<void> {
    const before = process.umask(umask);
    try {
      await action();
    } finally {
      process.umask(before);
    }
  }

  function modeOf(path: string): string {
    return (statSync(path).mode & 0o7777).toString(8);
  }

  for (const umask of [0o000, 0o027, 0o077, 0o777]) {
    it(`gives it the mode that QEMU needs under the umask ${umask.toString(8)}`, async () => {
      await withUmask(umask, async () => {
        await makeDirectory(join(directories.data, 'vms', 'one'), directories);
        await makeDirectory(join(directories.runtime, 'locks'), directories);
      });
      const { data, runtime } = directories;
      assert.deepEqual([data, join(data, 'vms'), join(data, 'vms', 'one')].map(modeOf), [
        '711',
        '711',
        '711',
      ]);
      assert.equal(modeOf(join(root, 'share')), '755', 'above ours');
      assert.deepEqual([runtime, join(runtime, 'locks')].map(modeOf), ['700', '700']);
    });
  }

  it('mends those of ours that a strange umask has made, and no others', async () => {
    const { data, runtime } = directories;
    const vms = join(data, 'vms');
    mkdirSync(vms, { recursive: true });
    mkdirSync(runtime);
    for (const [path, mode] of [
      [join(root, 'share'), 0o770],
      [data, 0o700],
      [vms, 0o777],
      [runtime, 0o777],
    ] as const)
      chmodSync(path, mode);
    await makeDirectory(join(vms, 'one'), directories);
    await makeDirectory(join(runtime, 'locks'), directories);
    assert.deepEqual([join(root, 'share'), data, vms, runtime].map(modeOf), ['770', '711', '755', '700']);
    chmodSync(data, 0o700);
    await mendDirectory(vms, directories);
    assert.equal(modeOf(data), '711');
    await mendDirectory(join(directories.cache, 'bases'), directories);
    assert.ok(!existsSync(directories.cache), 'what is not there is not made');
  });

  it('keeps a session of a user to that user', async () => {
    await withUmask(0, () => makeDirectory(join(directories.data, 'vms'), { ...directories, mode: 0o700 }));
    assert.deepEqual([join(root, 'share'), directories.data, join(directories.data, 'vms')].map(modeOf), [
      '700',
      '700',
      '700',
    ]);
  });

  it('follows a link that its user has put in its place, as to a larger disk', async () => {
    const elsewhere = join(root, 'elsewhere');
    mkdirSync(elsewhere, { mode: 0o700 });
    symlinkSync(elsewhere, directories.cache);
    await makeDirectory(join(directories.cache, 'bases'), directories);
    assert.deepEqual([elsewhere, join(elsewhere, 'bases')].map(modeOf), ['711', '711']);
  });

  const inTheWay: [what: string, plant: (path: string) => void, got: RegExp][] = [
    [
      'a loop of links',
      (path) => {
        symlinkSync(path, path);
      },
      /got a loop of symbolic links$/,
    ],
    [
      'a link that leads nowhere',
      (path) => {
        symlinkSync(`${path}-none`, path);
      },
      /got a symbolic link that leads nowhere$/,
    ],
    [
      'a file',
      (path) => {
        writeFileSync(path, '');
      },
      /got something else$/,
    ],
  ];
  for (const [what, plant, got] of inTheWay) {
    it(`says in a sentence that there is ${what}`, async () => {
      plant(directories.runtime);
      const error = await rejectsWithCode('DIRECTORY_UNUSABLE', () =>
        makeDirectory(join(directories.runtime, 'locks'), directories),
      );
      assert.match(error.message, got);
      // Likewise above ours, where HOME leads.
      plant(join(root, 'share'));
      await rejectsWithCode('DIRECTORY_UNUSABLE', () => makeDirectory(directories.data, directories));
    });
  }

  describe('in a place that others may write to', () => {
    const other = 65534;
    before(function () {
      // Only root can make what another user would; what these tests look at does not depend on who runs them.
      if (ownUid() !== 0) this.test?.parent?.tests.splice(0);
    });

    it("refuses another user's directory", async () => {
      mkdirSync(directories.runtime, { mode: 0o777 });
      chownSync(directories.runtime, other, other);
      const error = await rejectsWithCode('DIRECTORY_UNUSABLE', () =>
        makeDirectory(join(directories.runtime, 'locks'), directories),
      );
      assert.match(error.message, /got one of another user \(uid 65534\)$/);
      assert.ok(!existsSync(join(directories.runtime, 'locks')));
    });

    it("refuses another user's link, wherever it leads", async () => {
      const victim = join(root, 'victim');
      mkdirSync(victim, { mode: 0o700 });
      symlinkSync(victim, directories.runtime);
      lchownSync(directories.runtime, other, other);
      await rejectsWithCode('DIRECTORY_UNUSABLE', () =>
        makeDirectory(join(directories.runtime, 'locks'), directories),
      );
      assert.ok(!existsSync(join(victim, 'locks')));
      assert.equal(modeOf(victim), '700');
    });

    it('refuses a runtime directory of another user, who could exchange the locks at any time', async () => {
      const theirs = join(root, 'theirs');
      mkdirSync(theirs);
      chownSync(theirs, other, other);
      const runtime = join(theirs, 'podman-bootc');
      const error = await rejectsWithCode('DIRECTORY_UNUSABLE', () =>
        makeDirectory(join(runtime, 'locks'), { ...directories, runtime }),
      );
      assert.match(error.message, /theirs, where the locks would be, belongs to another user \(uid 65534\)$/);
      assert.ok(!existsSync(runtime));
    });
  });
});
