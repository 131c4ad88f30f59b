import assert from 'node:assert/strict';
import { chooseFilesystem } from '../../src/bootc/install.js';
import { parseProbe } from '../../src/bootc/probe.js';
import { rejectsWithCode } from '../support/rejects.js';

// bootc's JSON has no newline at its end: every section begins with one.
const output = `
@@version
bootc 1.1.4
@@help
Install to the target block device

Usage: bootc install to-disk [OPTIONS] <DEVICE>

Options:
      --wipe                       Automatically wipe all existing data
      --filesystem <FILESYSTEM>    [possible values: xfs, ext4, btrfs]
      --generic-image
      --via-loopback               Instead of targeting a block device
  -h, --help
@@configuration
{"filesystem":{"root":{"type":"xfs"}},"kargs":["console=ttyS0"]}
@@boot
bootupd
systemd-boot
@@filesystems
xfs
ext4
@@systemd
systemd 252 (252.30-1~deb12u2)
@@account
tester:x:1000:1001:A Tester:/home/tester:/bin/bash
`;

describe('image probe', () => {
  it('reads what an image says of itself', () => {
    assert.deepEqual(parseProbe('img', output, 'tester'), {
      bootcVersion: 'bootc 1.1.4',
      installOptions: new Set(['wipe', 'filesystem', 'generic-image', 'via-loopback', 'help']),
      defaultFilesystem: 'xfs',
      defaultBootloader: undefined,
      hasUki: false,
      hasBootupd: true,
      hasSystemdBoot: true,
      filesystems: ['xfs', 'ext4'],
      systemdVersion: 252,
      account: { user: 'tester', uid: 1000, gid: 1001, home: '/home/tester' },
    });
  });

  it('knows the configuration of older bootc', () => {
    const old = output.replace(/^\{.*$/m, '{"root-fs-type":"btrfs"}');
    assert.equal(parseProbe('img', old, 'tester').defaultFilesystem, 'btrfs');
  });

  it('takes an image that says nothing as one that says nothing', () => {
    const probe = parseProbe(
      'img',
      '@@version\n@@help\n@@configuration\n@@filesystems\n@@systemd\n@@account\n',
      'root',
    );
    assert.equal(probe.defaultFilesystem, undefined);
    assert.equal(probe.systemdVersion, undefined);
    assert.equal(probe.account, undefined);
    assert.equal(probe.installOptions.size, 0);
  });

  it('reads what an image boots by', () => {
    const uki = output.replace('bootupd\nsystemd-boot', 'uki').replace('{', '{"bootloader":"systemd",');
    const { hasUki, hasBootupd, hasSystemdBoot, defaultBootloader } = parseProbe('img', uki, 'tester');
    assert.deepEqual(
      [hasUki, hasBootupd, hasSystemdBoot, defaultBootloader],
      [true, false, false, 'systemd'],
    );
  });

  it('says before the install that bootc rejects a file of the image, and where', async () => {
    // bootc 1.16.9 on a TOML file that asks for a file system that it does not know.
    const said = `@@rejected
error: Loading configuration: Parsing "/usr/lib/bootc/install/00-x.toml": TOML parse error at line 2, column 8
  |
2 | type = "zfs"
  |        ^^^^^
unknown variant \`zfs\`, expected one of \`xfs\`, \`ext4\`, \`btrfs\`
@@boot`;
    const error = await rejectsWithCode('INSTALL_CONFIGURATION_INVALID', () =>
      parseProbe('img', output.replace(/^\{.*\n@@boot/m, said), 'tester'),
    );
    assert.equal(error.failureClass, 'image');
    assert.equal(
      error.message,
      'The image img cannot be installed: its bootc rejects /usr/lib/bootc/install/00-x.toml: TOML parse error at line 2, column 8: unknown variant `zfs`, expected one of `xfs`, `ext4`, `btrfs`',
    );
    assert.match(error.remedy ?? '', /^Mend \/usr\/lib\/bootc\/install\/00-x\.toml/);
    assert.match(error.output ?? '', /\^\^\^/);
  });

  it('takes a bootc without that command as one that says nothing', () => {
    const old = output.replace(
      /^\{.*$/m,
      "@@rejected\nerror: unrecognized subcommand 'print-configuration'\n\nUsage: bootc install <COMMAND>",
    );
    assert.equal(parseProbe('img', old, 'tester').defaultFilesystem, undefined);
  });

  it('does not take another account for the one that was asked for', () => {
    assert.equal(parseProbe('img', output, 'test').account, undefined);
  });

  it('names an image without bootc', async () => {
    const error = await rejectsWithCode('IMAGE_WITHOUT_BOOTC', () =>
      parseProbe('quay.io/x/y', '@@no-bootc\n', 'root'),
    );
    assert.match(error.message, /quay\.io\/x\/y has no bootc inside/);
    assert.ok(error.remedy);
  });
});

describe('choice of the root file system', () => {
  it('is what was asked for, whatever the image says', () => {
    assert.equal(chooseFilesystem('btrfs', { defaultFilesystem: 'xfs', filesystems: [] }).option, 'btrfs');
  });

  it('is left to an image that says one', () => {
    const choice = chooseFilesystem(undefined, { defaultFilesystem: 'xfs', filesystems: ['ext4'] });
    assert.deepEqual([choice.option, choice.effective], [undefined, 'xfs']);
  });

  it('is the first that the image can make when it says none', () => {
    assert.equal(
      chooseFilesystem(undefined, { defaultFilesystem: undefined, filesystems: ['ext4', 'btrfs'] }).option,
      'ext4',
    );
  });

  it('fails when the image can make none', async () => {
    await rejectsWithCode('INSTALL_NO_FILESYSTEM', () =>
      chooseFilesystem(undefined, { defaultFilesystem: undefined, filesystems: [] }),
    );
  });
});
