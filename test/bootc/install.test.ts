import assert from 'node:assert/strict';
import {
  checkFilesystem,
  installArguments,
  isLoopTrouble,
  type Installation,
} from '../../src/bootc/install.js';
import { installError } from '../../src/bootc/translate.js';
import { GiB } from '../../src/sizes.js';
import { rejectsWithCode } from '../support/rejects.js';

const installation: Installation = {
  engine: { kind: 'local' },
  reference: 'localhost/os:latest',
  disk: '/data/vms/5d31f6c3/disk.raw',
  partialDisk: '/data/vms/5d31f6c3/disk.raw.abcd.partial',
  diskSize: 10 * GiB,
  imageSize: GiB,
  filesystem: 'xfs',
  rootSizeMax: 8 * GiB,
  kargs: [],
  probe: {
    bootcVersion: 'bootc 1.1.4',
    installOptions: new Set(['via-loopback', 'generic-image', 'filesystem']),
    defaultFilesystem: undefined,
    filesystems: [],
    systemdVersion: 252,
    account: undefined,
  },
  expected: { architecture: 'x86_64', firmware: 'efi', filesystem: 'xfs' },
  quiet: false,
};

describe('a second attempt with direct I/O', () => {
  for (const [output, expected] of [
    ['losetup: /output/disk.raw: failed to set up loop device: Invalid argument', true],
    ['mkfs.xfs: pwrite failed: Input/output error', true],
    ['error: Creating rootfs: mount /dev/loop0p2 on /run: Input/output error', true],
    ['losetup: cannot find an unused loop device', false],
    ['error: No root filesystem specified', false],
    ['tar: usr/lib/x: Input/output error', false],
  ] as const) {
    it(`${expected ? 'follows' : 'does not follow'} "${output}"`, () => {
      assert.equal(isLoopTrouble(output), expected);
    });
  }

  it('tells bootc by its variable', () => {
    const args = installArguments(installation, {}, { BOOTC_DIRECT_IO: 'on' });
    assert.ok(
      args.join(' ').includes('--env BOOTC_DIRECT_IO=on --entrypoint bootc localhost/os:latest install'),
    );
  });
});

describe('install command', () => {
  it('is the one bootc documents, with a container that can be found again', () => {
    const args = installArguments(installation, {});
    assert.equal(
      args.join(' '),
      'run --rm --replace --name podman-bootc-install-5d31f6c3 --pull never --privileged --pid=host --ipc=host --user=root:root' +
        ' --security-opt label=type:unconfined_t --volume /dev:/dev --volume /var/lib/containers:/var/lib/containers' +
        ' --volume /data/vms/5d31f6c3:/output --entrypoint bootc localhost/os:latest install to-disk --via-loopback --generic-image' +
        ' --filesystem xfs --root-size 8192M /output/disk.raw.abcd.partial',
    );
  });

  it('passes only options that the bootc in the image has', () => {
    const probe = { ...installation.probe, installOptions: new Set(['via-loopback', 'skip-fetch-check']) };
    const args = installArguments({ ...installation, probe }, {});
    assert.ok(args.includes('--skip-fetch-check'));
    assert.ok(!args.includes('--generic-image'));
  });

  it('passes kernel arguments one by one, each as one word', () => {
    const probe = { ...installation.probe, installOptions: new Set(['via-loopback', 'karg']) };
    const args = installArguments({ ...installation, probe, kargs: ['quiet', '-x', 'a="b c"'] }, {});
    assert.deepEqual(args.slice(-4, -1), ['--karg=quiet', '--karg=-x', '--karg=a="b c"']);
  });

  it('refuses a bootc that takes no kernel arguments when there are any', async () => {
    const error = await rejectsWithCode('BOOTC_TOO_OLD', () =>
      installArguments({ ...installation, kargs: ['quiet'] }, {}),
    );
    assert.match(error.message, /no --karg/);
  });

  it('leaves the file system to the image when none was chosen', () => {
    assert.ok(!installArguments({ ...installation, filesystem: undefined }, {}).includes('--filesystem'));
  });

  it('passes BOOTC_INSTALL_LOG on as RUST_LOG', () => {
    const args = installArguments(installation, { BOOTC_INSTALL_LOG: 'debug' });
    assert.equal(args[args.indexOf('--env') + 1], 'RUST_LOG=debug');
  });

  it('refuses a bootc that cannot install to a file', async () => {
    const probe = { ...installation.probe, installOptions: new Set<string>() };
    const error = await rejectsWithCode('BOOTC_TOO_OLD', () =>
      installArguments({ ...installation, probe }, {}),
    );
    assert.match(error.message, /bootc 1\.1\.4/);
  });

  it('refuses a directory that podman would read as two', async () => {
    const partialDisk = '/data/a:b/disk.partial';
    await rejectsWithCode('DIRECTORY_UNUSABLE', () => installArguments({ ...installation, partialDisk }, {}));
  });

  for (const value of ['', 'ntfs', 'EXT4', 'ext4 ']) {
    it(`refuses the file system ${JSON.stringify(value)}`, async () => {
      await rejectsWithCode('FILESYSTEM_INVALID', () => {
        checkFilesystem(value);
      });
    });
  }
});

describe("bootc's errors", () => {
  for (const [text, code] of [
    ['error: Installing to disk: No root filesystem specified', 'INSTALL_NO_FILESYSTEM'],
    ['error: This command must be run with the podman --pid=host flag', 'INSTALL_NOT_ROOTFUL'],
    ['ERROR Cannot install from rootless podman; this command must be run as root', 'INSTALL_NOT_ROOTFUL'],
    [
      'error: Either --source-imgref must be defined or this command must be executed inside a podman container.',
      'INSTALL_NO_SOURCE',
    ],
    ['error: Loopback mounts (--via-loopback) require host devices (-v /dev:/dev)', 'INSTALL_NO_LOOP'],
    ['error: Detected existing partitions on /dev/loop0', 'INSTALL_NOT_EMPTY'],
    ['error: Failed to enter install_t (running as container_t)', 'INSTALL_SELINUX'],
    ['error: bootupd is required for ostree-based installs', 'INSTALL_NO_BOOTUPD'],
    ['error: setns: EINVAL: Invalid argument', 'INSTALL_FOREIGN_ARCHITECTURE'],
  ] as const) {
    it(`gives "${text.slice(0, 60)}" a cause and a remedy, and keeps the original`, () => {
      const error = installError('img', 1, `Installing\n${text}\n`);
      assert.equal(error.code, code);
      assert.ok(error.remedy);
      assert.ok(error.output?.includes(text));
    });
  }

  it('shows the last line of what it does not know', () => {
    const error = installError('img', 3, 'one\nerror: something new\n');
    assert.match(error.message, /exit code 3\): error: something new$/);
    assert.match(error.output ?? '', /^one\n/);
  });
});
