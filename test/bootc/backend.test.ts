import assert from 'node:assert/strict';
import { bootcOption, checkBootcArgument } from '../../src/bootc/arguments.js';
import { checkFirmwareSuits, chooseBackend } from '../../src/bootc/backend.js';
import { hasLocalVerity, verityWarning } from '../../src/bootc/verity.js';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rejectsWithCode } from '../support/rejects.js';
import { temporaryDirectory } from '../support/temporary.js';

const unasked = { composefsBackend: undefined, bootloader: undefined };
const fedora = {
  installOptions: new Set(['composefs-backend', 'bootloader']),
  defaultBootloader: undefined,
  hasUki: false,
  hasBootupd: true,
  hasSystemdBoot: false,
};
const arch = { ...fedora, hasBootupd: false, hasSystemdBoot: true };
const sealed = { ...arch, hasUki: true };

describe("the choice of bootc's backend", () => {
  it('is ostree with GRUB for an image that has bootupd', () => {
    const { composefs, option, needsUefi, reason } = chooseBackend(unasked, fedora);
    assert.deepEqual([composefs, option, needsUefi, reason], [false, false, false, undefined]);
  });

  it('is composefs for an image with systemd-boot and no bootupd, and says why', () => {
    const { composefs, option, needsUefi, reason } = chooseBackend(unasked, arch);
    assert.deepEqual([composefs, option, needsUefi], [true, true, true]);
    assert.equal(reason, 'the image has systemd-boot and no bootupd');
  });

  it('is composefs for a UKI, which bootc takes for it by itself', () => {
    const { composefs, option, needsUefi, reason } = chooseBackend(unasked, sealed);
    assert.deepEqual([composefs, option, needsUefi], [true, false, true]);
    assert.match(reason ?? '', /UKI/);
  });

  it('is composefs where systemd-boot is asked for, by option or by the image', () => {
    for (const choice of [
      chooseBackend({ ...unasked, bootloader: 'systemd' }, fedora),
      chooseBackend(unasked, { ...fedora, defaultBootloader: 'systemd' }),
    ]) {
      assert.deepEqual([choice.option, choice.reason], [true, 'the boot loader systemd needs it']);
    }
  });

  it('is what is asked for, where that can be', async () => {
    assert.deepEqual(
      [true, false].map(
        (composefsBackend) => chooseBackend({ ...unasked, composefsBackend }, fedora).composefs,
      ),
      [true, false],
    );
    assert.equal(chooseBackend({ ...unasked, composefsBackend: true }, fedora).reason, undefined);
    for (const image of [arch, sealed])
      await rejectsWithCode('BACKEND_INVALID', () =>
        chooseBackend({ ...unasked, composefsBackend: false }, image),
      );
  });

  it('leaves an image alone whose bootc has no composefs backend, or that boots in a way of its own', () => {
    assert.equal(chooseBackend(unasked, { ...arch, installOptions: new Set<string>() }).composefs, false);
    assert.equal(chooseBackend(unasked, { ...arch, defaultBootloader: 'none' }).composefs, false);
    assert.equal(chooseBackend(unasked, { ...arch, hasSystemdBoot: false }).composefs, false);
  });
});

describe('systemd-boot', () => {
  for (const [origin, failureClass, remedy] of [
    ['option', 'usage', /Leave out `firmware: bios`/],
    ['image label', 'image', /label io\.podman-bootc\.firmware/],
    ['default', 'host', /ovmf/],
  ] as const) {
    it(`is refused with BIOS firmware before the install: ${origin}`, async () => {
      const code = origin === 'default' ? 'FIRMWARE_UNAVAILABLE' : 'BOOTLOADER_NEEDS_UEFI';
      const error = await rejectsWithCode(code, () => {
        checkFirmwareSuits('img', { needsUefi: true }, 'bios', origin);
      });
      assert.equal(error.failureClass, failureClass);
      assert.match(error.remedy ?? '', remedy);
    });
  }

  it('is nothing for UEFI to refuse, nor GRUB for BIOS', () => {
    checkFirmwareSuits('img', { needsUefi: true }, 'efi', 'default');
    checkFirmwareSuits('img', { needsUefi: false }, 'bios', 'option');
  });
});

describe("an argument of bootc's", () => {
  for (const value of [
    '--allow-missing-verity',
    '--stateroot=x',
    '--karg-delete=a="b c"',
    '--target-imgref=q.io/x',
  ])
    it(`is taken: ${value}`, () => {
      checkBootcArgument(value);
    });

  for (const value of [
    '',
    '/dev/sda',
    '-h',
    '--',
    '--X',
    '--stateroot x',
    '--stateroot=a\nb',
    `--stateroot=${'x'.repeat(2000)}`,
    '--via-loopback',
    '--wipe',
    '--filesystem=xfs',
    '--root-size=1G',
    '--karg=quiet',
    '--karg',
    '--composefs-backend',
    '--bootloader=systemd',
    '--source-imgref=oci:/x',
    '--block-setup=tpm2-luks',
    '--generic-image',
    '--help',
  ])
    it(`is refused: ${JSON.stringify(value.slice(0, 30))}`, async () => {
      const error = await rejectsWithCode('BOOTC_ARGUMENT_INVALID', () => {
        checkBootcArgument(value);
      });
      assert.equal(error.failureClass, 'usage');
      assert.match(error.message, /^Expected `bootcArgs` to be .*, got "/);
    });

  it('has the name of its option', () => {
    assert.equal(bootcOption('--constructor=x'), 'constructor');
    checkBootcArgument('--constructor=x');
  });
});

describe('a podman host without fs-verity', () => {
  it('is told by what its ext4 driver shows', async function () {
    const features = join(temporaryDirectory(this), 'features');
    assert.equal(await hasLocalVerity(features), undefined);
    mkdirSync(features);
    assert.equal(await hasLocalVerity(features), false);
    writeFileSync(join(features, 'verity'), '');
    assert.equal(await hasLocalVerity(features), true);
  });

  it('is warned of before an install whose first update would fail, with what avoids it', () => {
    assert.match(
      verityWarning('ext4', [], false, false) ?? '',
      /no fs-verity.*first update inside the VM fails; use `filesystem: xfs`, or `bootcArgs: --allow-missing-verity`/,
    );
    assert.match(verityWarning('ext4', ['--allow-missing-verity'], false, true) ?? '', /install on a host/);
    for (const [filesystem, args, isThere] of [
      ['xfs', [], false],
      ['ext4', ['--allow-missing-verity'], false],
      ['ext4', [], true],
      ['ext4', [], undefined],
    ] as const)
      assert.equal(verityWarning(filesystem, args, isThere, false), undefined);
  });
});
