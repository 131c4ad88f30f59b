import assert from 'node:assert/strict';
import type { RunOptions } from '../../../src/index.js';
import { parsePort } from '../../../src/domain/ports.js';
import { checkRunOptions } from '../../../src/vm/create/options.js';
import { rejectsWithCode } from '../../support/rejects.js';

describe("a library user's options", () => {
  for (const [code, options] of [
    ['NAME_INVALID', { name: '../x' }],
    ['COUNT_INVALID', { cpus: 0 }],
    ['COUNT_INVALID', { cpus: 1.5 }],
    ['COUNT_INVALID', { cpus: NaN }],
    ['MEMORY_INVALID', { memory: 1 }],
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
    ['CLOUD_INIT_INVALID', { cloudInit: '/nonexistent' }],
  ] as [string, RunOptions][]) {
    it(`are refused as on the command line: ${code} for ${JSON.stringify(options)}`, async () => {
      const error = await rejectsWithCode(code, () => checkRunOptions(options));
      assert.equal(error.failureClass, 'usage');
    });
  }
});
