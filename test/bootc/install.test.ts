import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  checkFilesystem,
  checkInstallOptions,
  cleanUpInstall,
  installArguments,
  isLoopTrouble,
  type Installation,
} from '../../src/bootc/install.js';
import { errorChain } from '../../src/bootc/error-chain.js';
import { installError } from '../../src/bootc/translate.js';
import { silentReporter } from '../../src/report.js';
import { GiB } from '../../src/sizes.js';
import { withEnvironment } from '../support/environment.js';
import { withPodman } from '../support/fake-podman.js';
import { rejectsWithCode } from '../support/rejects.js';
import { temporaryDirectory } from '../support/temporary.js';

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
  backend: { option: false, bootloader: undefined },
  bootcArgs: [],
  rootKeys: [],
  probe: {
    bootcVersion: 'bootc 1.1.4',
    installOptions: new Set(['via-loopback', 'generic-image', 'filesystem']),
    defaultFilesystem: undefined,
    defaultBootloader: undefined,
    hasUki: false,
    hasBootupd: true,
    hasSystemdBoot: false,
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
        ' --volume /data/vms/5d31f6c3:/output --env LC_ALL=C --entrypoint bootc localhost/os:latest install to-disk --via-loopback --generic-image' +
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

  it('passes the backend, the boot loader and what else was asked for', () => {
    const installOptions = new Set(['via-loopback', 'composefs-backend', 'bootloader', 'stateroot']);
    const args = installArguments(
      {
        ...installation,
        probe: { ...installation.probe, installOptions },
        backend: { option: true, bootloader: 'systemd' },
        bootcArgs: ['--stateroot=x y'],
      },
      {},
    );
    assert.deepEqual(args.slice(-5), [
      '--composefs-backend',
      '--bootloader',
      'systemd',
      '--stateroot=x y',
      '/output/disk.raw.abcd.partial',
    ]);
  });

  for (const [option, asked] of [
    ['composefs-backend', { backend: { option: true, bootloader: undefined } }],
    ['bootloader', { backend: { option: false, bootloader: 'grub' } }],
    ['stateroot', { bootcArgs: ['--stateroot=x'] }],
  ] as const) {
    it(`refuses a bootc without --${option} before the install, when it is needed`, async () => {
      const error = await rejectsWithCode('BOOTC_TOO_OLD', () => {
        checkInstallOptions({ ...installation, ...asked });
      });
      assert.match(error.message, new RegExp(`bootc 1\\.1\\.4.* it has no --${option}$`));
      assert.equal(error.failureClass, 'image');
      assert.ok(error.remedy);
    });
  }

  it('refuses kernel arguments for a UKI, which has its own inside', async () => {
    const probe = {
      ...installation.probe,
      hasUki: true,
      installOptions: new Set(['via-loopback', 'karg']),
    };
    await rejectsWithCode('INSTALL_UKI_KARGS', () => {
      checkInstallOptions({ ...installation, probe, kargs: ['quiet'] });
    });
  });

  it('leaves the file system to the image when none was chosen', () => {
    assert.ok(!installArguments({ ...installation, filesystem: undefined }, {}).includes('--filesystem'));
  });

  it('passes BOOTC_INSTALL_LOG on as RUST_LOG', () => {
    const args = installArguments(installation, { BOOTC_INSTALL_LOG: 'debug' });
    assert.equal(args[args.lastIndexOf('--env') + 1], 'RUST_LOG=debug');
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

describe('what an interrupted install left', () => {
  /** Cleans up after an install, with this losetup first in PATH. @returns whether all is gone, and what was said */
  async function cleanUp(
    context: Mocha.Context,
    losetup: string | undefined,
  ): Promise<{ isClean: boolean; said: string[]; calls: string[] }> {
    const directory = temporaryDirectory(context);
    const [disk, calls] = [join(directory, 'disk with spaces.partial'), join(directory, 'calls')];
    for (const file of [disk, calls]) writeFileSync(file, '');
    const script = `#!/bin/sh\nprintf '%s\\n' "$*" >>${calls}\n${losetup ?? ''}\n`;
    if (losetup !== undefined) writeFileSync(join(directory, 'losetup'), script, { mode: 0o755 });
    const said: string[] = [];
    const report = { ...silentReporter, warn: (message: string) => said.push(message) };
    const isClean = await withEnvironment({ PATH: `${directory}:/usr/bin:/bin` }, () =>
      withPodman(context, 'exit 0', () => cleanUpInstall({ kind: 'local' }, 'localhost/x', disk, report)),
    );
    assert.ok(!existsSync(disk));
    const words = readFileSync(calls, 'utf8').replaceAll(disk, 'DISK').split('\n').slice(0, -1);
    return { isClean, said, calls: words };
  }

  it('is detached from every loop device', async function () {
    const { isClean, said, calls } = await cleanUp(
      this,
      'case $1 in --noheadings) echo /dev/loop7; echo /dev/loop8;; esac',
    );
    assert.deepEqual([isClean, said], [true, []]);
    assert.deepEqual(calls, [
      '--noheadings --output NAME --associated DISK',
      '--detach /dev/loop7',
      '--detach /dev/loop8',
    ]);
  });

  it('is said to be there where no loop device can be looked for, or detached', async function () {
    for (const losetup of [
      'echo no such device >&2; exit 1',
      'case $1 in --noheadings) echo /dev/loop7;; *) echo no such device >&2; exit 1;; esac',
    ]) {
      const { said } = await cleanUp(this, losetup);
      assert.equal(said.length, 1);
      assert.match(said[0] ?? '', /^Loop devices of .* could not be detached, .*: no such device$/);
    }
  });

  if (process.platform === 'linux') {
    it('is looked for by the losetup in sbin, with a PATH that has none', async function () {
      assert.deepEqual(await cleanUp(this, undefined), { isClean: true, said: [], calls: [] });
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
    // Seen with bootc 1.16.9, or from its source.
    ['error: Installing to disk: Setting up composefs boot: No boot entries!', 'INSTALL_NO_KERNEL'],
    [
      'error: Installing to disk: Failed to find ostree/prepare-root.conf in /usr/lib or /etc',
      'INSTALL_NO_PREPARE_ROOT',
    ],
    [
      'error: Installing to disk: Initializing composefs repository: skopeo spawn error: No such file or directory (os error 2)',
      'INSTALL_NO_SKOPEO',
    ],
    [
      `error: Installing to disk: Setting up composefs boot: The UKI has the wrong composefs= parameter (is '${'a'.repeat(128)}', should be '${'b'.repeat(128)}')`,
      'INSTALL_UKI_STALE',
    ],
    [
      'error: Installing to disk: Setting up composefs boot: Setting up UKI boot: Cannot use externally specified kernel arguments with UKI',
      'INSTALL_UKI_KARGS',
    ],
    ['error: Installing to disk: Specified filesystem xfs does not support fs-verity', 'INSTALL_NO_VERITY'],
    [
      'error: Installing to disk: Creating rootfs: Re-exec in host mountns: open pid1 mountns: Permission denied (os error 13)',
      'INSTALL_NO_HOST_NAMESPACE',
    ],
    [
      'error: Installing to disk: Comparing filesystems at /run/udev and /proc/1/root//run/udev: No such file or directory (os error 2)',
      'INSTALL_NO_UDEV',
    ],
    [
      'error: Installing to disk: Creating rootfs: Failed to run udevadm settle: ExitStatus(unix_wait_status(256))',
      'INSTALL_NO_UDEV',
    ],
    ['error: Installing to disk: Creating rootfs: Device has no children', 'INSTALL_NO_PARTITIONS'],
    [
      'error: Installing to disk: Setting up composefs boot: Setting up BLS boot: Mounting ESP: Mounting /dev/loop0p2: No such device (os error 19)',
      'INSTALL_NO_VFAT',
    ],
  ] as const) {
    it(`gives "${text.slice(0, 60)}" a cause and a remedy, and keeps the original`, () => {
      const error = installError('img', 1, `Installing\n${text}\n`);
      assert.equal(error.code, code);
      assert.ok(error.remedy);
      assert.ok(error.output?.includes(text));
    });
  }

  it('says how large a disk would do', () => {
    const output =
      'error: Installing to disk: Insufficient free space for localhost/os (available: 331.9\u00a0MB required: 480.2\u00a0MB)';
    const error = installError('img', 1, output, { diskSize: 2 * GiB });
    assert.equal(error.code, 'INSTALL_DISK_TOO_SMALL');
    assert.match(
      error.message,
      /the disk is too small: it has 331\.9.MB for the image, which takes 480\.2.MB$/,
    );
    assert.equal(error.remedy, 'Ask for a larger one: `diskSize: 3G`');
    const limited = installError('img', 1, output, { diskSize: 10 * GiB, rootSizeMax: GiB });
    assert.match(limited.remedy ?? '', /Raise `rootSizeMax`, which is 1 GiB/);
  });

  it('cuts lines without end, also in the original', () => {
    const error = installError('img', 1, `error: Installing to disk: ${'x '.repeat(50_000)}`);
    assert.ok(error.message.length < 1000 && error.message.endsWith('…'));
    assert.ok((error.output ?? '').length < 1000);
  });

  for (const [what, output, chain] of [
    [
      'with the file that it names in the middle',
      'Installing image: docker://x\nerror: Installing to disk: Creating ostree deployment: Reading /etc/x.conf: No such file or directory (os error 2)\n',
      'Installing to disk: Creating ostree deployment: Reading /etc/x.conf: No such file or directory (os error 2)',
    ],
    ['of an older bootc', 'ERROR Installing to disk: a: b\n', 'Installing to disk: a: b'],
    [
      'over several lines, without those that only point',
      `error: Loading configuration: Parsing "/usr/lib/bootc/install/00-x.toml": TOML parse error at line 2, column 8\n  |\n2 | type = "zfs"\n  |        ^^^^^\nunknown variant \`zfs\`, expected one of \`xfs\`, \`ext4\`, \`btrfs\`\n`,
      'Loading configuration: Parsing "/usr/lib/bootc/install/00-x.toml": TOML parse error at line 2, column 8: unknown variant `zfs`, expected one of `xfs`, `ext4`, `btrfs`',
    ],
    [
      'of a wrong command line, without its usage',
      "error: unexpected argument '--x' found\n\n  tip: a similar argument exists: '--y'\n\nUsage: bootc install to-disk\n",
      "unexpected argument '--x' found",
    ],
    ['that is none', 'one\nKilled\n', 'Killed'],
    ['that is nothing', '', 'it said nothing'],
  ] as const) {
    it(`are shown whole: a chain ${what}`, () => {
      assert.equal(errorChain(output), chain);
    });
  }

  it('shows the chain of what it does not know', () => {
    const error = installError('img', 3, 'one\nerror: something new\n');
    assert.match(error.message, /exit code 3\): something new$/);
    assert.match(error.output ?? '', /^one\n/);
  });
});
