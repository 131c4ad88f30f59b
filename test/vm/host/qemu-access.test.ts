import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ownUid } from '../../../src/own-file.js';
import type { Host } from '../../../src/vm/host/host.js';
import { allowQemuToRead } from '../../../src/vm/host/qemu-access.js';
import { openTestHost } from '../../support/test-host.js';

const isRoot = ownUid() === 0;
/** What libvirt says of the user that it runs QEMU as. */
const label = (uid: number, gid: number): string =>
  `<capabilities><host><cpu><arch>x86_64</arch></cpu><secmodel><model>dac</model><baselabel type='kvm'>+${uid}:+${gid}</baselabel></secmodel></host></capabilities>`;

describe('a base disk', () => {
  let host: Host;
  let disk: string;
  let asked: number;

  beforeEach(async function () {
    ({ host } = await openTestHost(this, []));
    host.directories.mode = 0o711;
    const directory = join(host.directories.cache, 'bases', 'key');
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    disk = join(directory, 'disk.raw');
    writeFileSync(disk, 'root:$y$hash', { mode: 0o600 });
    asked = 0;
  });

  /** A libvirt that runs QEMU as this user, or as us. */
  function libvirt(capabilities: string): Host {
    const connection = Object.create(host.connection, {
      getCapabilities: {
        value: () => {
          asked++;
          return Promise.resolve(capabilities);
        },
      },
    }) as Host['connection'];
    return { ...host, connection };
  }

  function state(): [mode: string, uid: number, gid: number] {
    const { mode, uid, gid } = statSync(disk);
    return [(mode & 0o7777).toString(8), uid, gid];
  }

  it("can be read by its owner and QEMU's group only, below directories that QEMU can enter", async () => {
    const system = libvirt(label(64055, 64056));
    await allowQemuToRead(system, disk);
    // Who is not root cannot give it to that group: directories that nobody else enters keep others out.
    assert.deepEqual(state(), isRoot ? ['440', 0, 64056] : ['444', ownUid(), state()[2]]);
    const bases = join(host.directories.cache, 'bases');
    for (const path of [host.directories.cache, bases, join(bases, 'key')])
      assert.equal((statSync(path).mode & 0o777).toString(8), '711', path);
  });

  it('of before, which everybody could read, is mended', async () => {
    chmodSync(disk, 0o444);
    await allowQemuToRead(libvirt(label(64055, 64056)), disk);
    assert.equal(state()[0], isRoot ? '440' : '444');
  });

  it('is for its owner alone where QEMU runs as that one', async () => {
    chmodSync(disk, 0o444);
    await allowQemuToRead(
      libvirt('<capabilities><host><cpu><arch>x86_64</arch></cpu></host></capabilities>'),
      disk,
    );
    assert.equal(state()[0], '400');
    chmodSync(disk, 0o444);
    await allowQemuToRead({ ...libvirt(''), features: { ...host.features, runsQemuAsUs: true } }, disk);
    assert.equal(state()[0], '400', 'without a question to libvirt');
    assert.equal(asked, 1);
  });

  it('that is right is left alone, and libvirt is not asked', async function () {
    const system = libvirt(label(64055, 64056));
    if (isRoot) {
      await allowQemuToRead(system, disk);
      await allowQemuToRead(system, disk);
      assert.equal(asked, 1);
    }
  });

  it("that libvirt has given to QEMU's user stays with it, and nobody else's is touched", async () => {
    if (!isRoot) return;
    const system = libvirt(label(64055, 64056));
    chownSync(disk, 64055, 0);
    await allowQemuToRead(system, disk);
    assert.deepEqual(state(), ['440', 64055, 64056]);
    chownSync(disk, 1, 0);
    chmodSync(disk, 0o444);
    await allowQemuToRead(system, disk);
    assert.deepEqual(state(), ['444', 1, 0]);
  });

  it('that is gone is for others to say', async () => {
    await allowQemuToRead(libvirt(label(64055, 64056)), `${disk}.none`);
  });
});
