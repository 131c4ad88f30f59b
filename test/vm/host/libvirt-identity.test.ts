import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { allDirectories, directoriesFor, vmsDirectory } from '../../../src/vm/host/directories.js';
import { isUsualLibvirt, libvirtFileName, libvirtIdentity } from '../../../src/vm/host/libvirt-identity.js';
import { directoriesIn, temporaryDirectory } from '../../support/temporary.js';

describe('the identity of a libvirt', () => {
  for (const [uri, isRoot, identity] of [
    ['qemu:///system', false, 'qemu:///system'],
    ['qemu+unix:///system', false, 'qemu:///system'],
    ['qemu:///session', false, 'qemu:///session'],
    // For root the session is the system's daemon.
    ['qemu:///session', true, 'qemu:///system'],
    ['qemu+unix:///session', true, 'qemu:///system'],
    ['qemu+unix:///system?socket=/run/libvirt/libvirt-sock', true, 'qemu:///system'],
    ['qemu:///system?mode=direct', true, 'qemu:///system'],
    [
      'qemu+unix:///system?socket=/run/other/libvirt-sock',
      true,
      'qemu:///system?socket=/run/other/libvirt-sock',
    ],
    ['qemu:///embed?root=/srv/a', true, 'qemu:///embed?root=/srv/a'],
    ['qemu+ssh://root@host/system', true, 'qemu+ssh://root@host/system'],
    ['qemu+ssh://host:2222/session', true, 'qemu+ssh://host:2222/session'],
    ['test:///default', false, 'test:///default'],
    ['no uri', false, 'no uri'],
  ] as const) {
    it(`${uri}${isRoot ? ' of root' : ''} is ${identity}`, () => {
      assert.equal(libvirtIdentity(uri, isRoot), identity);
    });
  }

  it('is the same for an embedded one whose root is spelled by a link', function () {
    const directory = temporaryDirectory(this);
    mkdirSync(join(directory, 'real'));
    symlinkSync('real', join(directory, 'link'));
    assert.equal(
      libvirtIdentity(`qemu:///embed?root=${directory}/link`),
      libvirtIdentity(`qemu:///embed?root=${directory}/real`),
    );
  });

  it('has a file name of its own, also where the readable part is the same', () => {
    const names = ['qemu:///embed?root=/a/b', 'qemu:///embed?root=/a-b', 'qemu:///embed?root=/a.b'].map(
      libvirtFileName,
    );
    assert.equal(new Set(names).size, names.length);
    for (const name of names) assert.match(name, /^[A-Za-z0-9-]{1,40}$/);
  });
});

describe('the directories of a libvirt', () => {
  const usual = process.getuid?.() === 0 ? 'qemu:///system' : 'qemu:///session';

  it('are where they were for the usual one, and apart for every other', function () {
    const root = temporaryDirectory(this);
    const user = directoriesIn(root);
    assert.ok(isUsualLibvirt(usual));
    assert.deepEqual(directoriesFor(user, usual), user);
    const others = ['qemu:///embed?root=/a', 'qemu:///embed?root=/b', 'test:///default'].map((libvirt) =>
      vmsDirectory(directoriesFor(user, libvirt)),
    );
    assert.equal(new Set([vmsDirectory(user), ...others]).size, 4);
  });

  it('are all found from any of them', async function () {
    const root = temporaryDirectory(this);
    const user = directoriesIn(root);
    const other = directoriesFor(user, 'test:///default');
    mkdirSync(vmsDirectory(other), { recursive: true });
    const expected = [user.data, other.data];
    for (const from of [user, other]) {
      assert.deepEqual(
        (await allDirectories(from)).map(({ data }) => data),
        expected,
      );
    }
  });
});
