import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import {
  lookAtGpt,
  lookAtNamespace,
  lookAtUdev,
  lookAtVerity,
  lookAtVfat,
  type HostPaths,
} from '../../src/doctor/install.js';
import { temporaryDirectory } from '../support/temporary.js';

describe('what bootc needs of the host', () => {
  let root: string;
  let nowhere: HostPaths;

  beforeEach(function () {
    root = temporaryDirectory(this);
    const at = (name: string): string => join(root, name);
    nowhere = {
      mountNamespace: at('mnt'),
      udev: at('udev'),
      filesystems: at('filesystems'),
      modules: at('modules'),
      configurations: [at('config.gz'), at('config')],
      ext4Features: at('features'),
    };
  });

  it("is to enter process 1's namespaces", async () => {
    assert.equal((await lookAtNamespace(nowhere)).status, 'warning');
    assert.match((await lookAtNamespace(nowhere)).finding, /cannot enter process 1's namespaces.*ENOENT/);
    writeFileSync(nowhere.mountNamespace, '');
    assert.equal((await lookAtNamespace(nowhere)).status, 'ok');
  });

  it('is a udev that runs', async () => {
    const before = process.env.PATH;
    const programs = join(root, 'bin');
    mkdirSync(programs);
    writeFileSync(join(programs, 'udevadm'), '#!/bin/sh\n');
    chmodSync(join(programs, 'udevadm'), 0o755);
    process.env.PATH = `${programs}:${before ?? ''}`;
    try {
      const { status, finding, fix } = await lookAtUdev(nowhere);
      assert.equal(status, 'warning');
      assert.match(finding, /udev does not run \(no .*\/control\)/);
      assert.match(fix ?? '', /systemctl start systemd-udevd$/);
      mkdirSync(nowhere.udev);
      writeFileSync(join(nowhere.udev, 'control'), '');
      assert.equal((await lookAtUdev(nowhere)).status, 'ok');
    } finally {
      process.env.PATH = before;
    }
  });

  it('is a kernel that reads GPT, where it tells', async () => {
    assert.match((await lookAtGpt(nowhere)).finding, /^Not known/);
    writeFileSync(nowhere.configurations[0] ?? '', gzipSync('# CONFIG_EFI_PARTITION is not set\n'));
    assert.equal((await lookAtGpt(nowhere)).status, 'warning');
    writeFileSync(nowhere.configurations[0] ?? '', gzipSync('CONFIG_A=y\nCONFIG_EFI_PARTITION=y\n'));
    assert.equal((await lookAtGpt(nowhere)).status, 'ok');
  });

  it('is vfat, in the kernel or as a module', async () => {
    writeFileSync(nowhere.filesystems, 'nodev\ttmpfs\n\text4\n');
    const { status, fix } = await lookAtVfat(nowhere);
    assert.equal(status, 'warning');
    assert.match(fix ?? '', /modprobe vfat$/);
    const modules = join(nowhere.modules, release());
    mkdirSync(modules, { recursive: true });
    writeFileSync(join(modules, 'modules.dep'), 'kernel/fs/fat/vfat.ko.xz: kernel/fs/fat/fat.ko.xz\n');
    assert.match((await lookAtVfat(nowhere)).finding, /a module for vfat/);
    writeFileSync(nowhere.filesystems, 'nodev\ttmpfs\n\tvfat\n');
    assert.equal((await lookAtVfat(nowhere)).finding, 'The kernel has vfat');
  });

  it('is fs-verity for composefs on ext4, which the driver shows or the configuration', async () => {
    assert.match((await lookAtVerity(nowhere)).finding, /^Not known/);
    writeFileSync(nowhere.configurations[1] ?? '', 'CONFIG_FS_VERITY=y\n');
    assert.equal((await lookAtVerity(nowhere)).status, 'ok');
    mkdirSync(nowhere.ext4Features);
    const { status, finding } = await lookAtVerity(nowhere);
    assert.equal(status, 'warning');
    assert.match(finding, /no fs-verity.*not updated \(--filesystem xfs can\)/);
    writeFileSync(join(nowhere.ext4Features, 'verity'), '');
    assert.equal((await lookAtVerity(nowhere)).status, 'ok');
  });
});
