import assert from 'node:assert/strict';
import type { RunOptions } from '../../../src/index.js';
import { parsePort } from '../../../src/domain/ports.js';
import {
  checkRunOptions,
  withInstanceType,
  optionDefinitions,
  type OptionDefinitions,
} from '../../../src/vm/create/options.js';
import { chooseRequirements } from '../../../src/vm/create/requirements.js';
import { GiB } from '../../../src/sizes.js';
import { rejectsWithCode } from '../../support/rejects.js';

describe('the definition of an option', () => {
  it('cannot be forgotten, nor a part of it', () => {
    const { hostname, ...others } = optionDefinitions;
    // @ts-expect-error -- hostname is missing
    const forgotten: OptionDefinitions = others;
    // @ts-expect-error -- whether an existing VM must agree is for each to say
    const uncompared: OptionDefinitions['hostname'] = { check: hostname.check };
    // @ts-expect-error -- it would not be checked
    const unchecked: OptionDefinitions['hostname'] = { compare: hostname.compare };
    // @ts-expect-error -- nothing would read it from a word
    const unread: OptionDefinitions['rootSizeMax'] = { ...optionDefinitions.rootSizeMax, parse: undefined };
    // @ts-expect-error -- an image may ask for it
    const unlabelled: OptionDefinitions['filesystem'] = { check: hostname.check, notCompared: '' };
    // @ts-expect-error -- what the file holds is wanted
    const unopened: OptionDefinitions['scratch'] = { check: hostname.check, notCompared: '' };
    assert.ok([forgotten, uncompared, unchecked, unread, unlabelled, unopened].every(Boolean));
  });
});

describe('a named size', () => {
  it("says CPUs and memory before the image's labels, and after what is given itself", () => {
    const labels = { 'io.podman-bootc.cpus': '3', 'io.podman-bootc.memory': '3G' };
    const chosen = (options: RunOptions): unknown[] => {
      const { cpus, memory, origins } = chooseRequirements(withInstanceType(options), labels, String);
      return [cpus, memory, origins.cpus, origins.memory];
    };
    assert.deepEqual(chosen({ itype: 'u1.large' }), [2, 8 * GiB, 'option', 'option']);
    assert.deepEqual(chosen({ itype: 'u1.large', cpus: 5 }), [5, 8 * GiB, 'option', 'option']);
    assert.deepEqual(chosen({ itype: 'u1.nano', memory: GiB }), [1, GiB, 'option', 'option']);
    assert.deepEqual(chosen({}), [3, 3 * GiB, 'image label', 'image label']);
  });
});

describe("a library user's options", () => {
  for (const [code, options] of [
    ['NAME_INVALID', { name: '../x' }],
    ['COUNT_INVALID', { cpus: 0 }],
    ['COUNT_INVALID', { cpus: 1.5 }],
    ['COUNT_INVALID', { cpus: NaN }],
    ['MEMORY_INVALID', { memory: 1 }],
    ['CHOICE_INVALID', { itype: 'm1.huge' as 'u1.small' }],
    ['CHOICE_INVALID', { firmware: 'uefi' as 'efi' }],
    ['CHOICE_INVALID', { pull: 'sometimes' as 'never' }],
    ['FILESYSTEM_INVALID', { filesystem: 'ntfs' }],
    ['KARG_INVALID', { kargs: ['quiet', 'a b'] }],
    ['CHOICE_INVALID', { bootloader: 'lilo' as 'grub' }],
    ['BOOTC_ARGUMENT_INVALID', { bootcArgs: ['--stateroot=x', '/dev/sda'] }],
    ['USER_INVALID', { user: 'a b' }],
    ['HOSTNAME_INVALID', { hostname: '-' }],
    ['SSH_KEY_INVALID', { sshKeys: ['/nonexistent'] }],
    ['PORT_INVALID', { ports: [{ ...parsePort('1:1'), address: 'here' }] }],
    ['PORT_CONFLICT', { ports: [parsePort('1:1'), parsePort('1:2')] }],
    ['LABEL_INVALID', { labels: { 'a b': '' } }],
    ['SIZE_INVALID', { rootSizeMax: 2, diskSize: 1 }],
    ['SIZE_INVALID', { diskSize: NaN }],
    ['DISK_FORMAT_INVALID', { diskFormat: 'vdi' as 'raw' }],
    ['CHOICE_INVALID', { accelerator: 'xen' as 'kvm' }],
    ['CHOICE_INVALID', { quiet: 'yes' as unknown as true }],
    ['PODMAN_PREFERENCE_INVALID', { podman: '' }],
    ['CLOUD_INIT_INVALID', { cloudInit: '/nonexistent' }],
  ] as [string, RunOptions][]) {
    it(`are refused as on the command line: ${code} for ${JSON.stringify(options)}`, async () => {
      const error = await rejectsWithCode(code, () => checkRunOptions(options));
      assert.equal(error.failureClass, 'usage');
    });
  }
});
