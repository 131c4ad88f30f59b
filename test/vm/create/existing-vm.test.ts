import assert from 'node:assert/strict';
import { parsePort } from '../../../src/domain/ports.js';
import { parseVolume } from '../../../src/domain/volumes.js';
import { requireSame } from '../../../src/vm/create/existing-vm.js';
import { withInstanceType, type RunOptions } from '../../../src/vm/create/options.js';
import { findVirtualMachine } from '../../../src/vm/virtual-machine.js';
import { rejectsWithCode } from '../../support/rejects.js';
import { openTestHost } from '../../support/test-host.js';

const files = {};

describe('a VM that exists, run with options', () => {
  for (const [option, options] of Object.entries<RunOptions>({
    kargs: { kargs: ['quiet'] },
    composefsBackend: { composefsBackend: true },
    bootloader: { bootloader: 'systemd' },
    bootcArgs: { bootcArgs: ['--stateroot=x'] },
    hostname: { hostname: 'web' },
    ports: { ports: [parsePort('8080:80')] },
    volumes: { volumes: [parseVolume('/srv/x:/var/x')] },
    labels: { labels: { stage: 'live' } },
    firmware: { firmware: 'efi' },
    cpus: { cpus: 7 },
    memory: withInstanceType({ itype: 'u1.8xlarge', cpus: 1 }),
  })) {
    it(`is refused when it was made with another ${option}`, async function () {
      const { host } = await openTestHost(this, [
        { name: 'a', state: 'shut off', labels: { stage: 'test' } },
      ]);
      const vm = await findVirtualMachine(host, 'a');
      const error = await rejectsWithCode('VM_DIFFERS', () => requireSame(vm, options, files));
      assert.match(error.message, new RegExp(`made with \`${option}\``));
    });
  }

  it('is refused with another key of the user', async function () {
    const { host } = await openTestHost(this, [{ name: 'a', state: 'shut off' }]);
    const vm = await findVirtualMachine(host, 'a');
    const sshKeys = [{ line: 'ssh-ed25519 x', fingerprint: 'SHA256:x' }];
    const error = await rejectsWithCode('VM_DIFFERS', () =>
      requireSame(vm, { sshKeys: ['id.pub'] }, { ...files, sshKeys }),
    );
    assert.match(error.message, /made with `sshKeys` unset, not SHA256:x/);
  });

  it('is taken when it was made with the same', async function () {
    const { host } = await openTestHost(this, [{ name: 'a', state: 'shut off', labels: { stage: 'test' } }]);
    const vm = await findVirtualMachine(host, 'a');
    await requireSame(
      vm,
      {
        labels: { stage: 'test' },
        ports: [],
        kargs: [],
        sshKeys: [],
        user: 'root',
        composefsBackend: false,
        bootcArgs: [],
      },
      files,
    );
  });
});
