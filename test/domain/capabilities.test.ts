import assert from 'node:assert/strict';

import { parseDomainCapabilities, parseHostCapabilities } from '../../src/domain/capabilities.js';
import { failure, fixture } from './support.js';

describe('domain capabilities', () => {
  it('of libvirt 9.0 know no passt', () => {
    assert.deepEqual(parseDomainCapabilities(fixture('domcaps-9.0-x86_64-pc.xml')), {
      emulator: '/usr/bin/qemu-system-x86_64',
      arch: 'x86_64',
      machine: 'pc-i440fx-7.2',
      virtType: 'qemu',
      firmwares: ['efi', 'bios'],
      tpmModels: ['tpm-tis', 'tpm-crb'],
      tpmBackends: ['passthrough', 'emulator', 'external'],
      passt: false,
      cpuModes: ['maximum', 'host-model', 'custom'],
      filesystemDrivers: ['path', 'handle', 'virtiofs'],
      diskBuses: ['ide', 'fdc', 'scsi', 'virtio', 'usb', 'sata'],
      maxVcpus: 255,
    });
  });

  it('of libvirt 11.3 know passt', () => {
    const { passt, machine, filesystemDrivers, cpuModes } = parseDomainCapabilities(
      fixture('domcaps-11.3-x86_64-pc.xml'),
    );
    assert.equal(passt, true);
    assert.equal(machine, 'pc-i440fx-10.0');
    assert.ok(filesystemDrivers.includes('virtiofs'));
    assert.deepEqual(cpuModes, ['maximum', 'host-model', 'custom']);
  });

  it('of the machines we use are those of their own', () => {
    assert.equal(parseDomainCapabilities(fixture('domcaps-9.0-x86_64-q35.xml')).machine, 'pc-q35-7.2');
    const arm = parseDomainCapabilities(fixture('domcaps-9.0-aarch64-virt.xml'));
    assert.equal(arm.emulator, '/usr/bin/qemu-system-aarch64');
    assert.equal(arm.maxVcpus, 512);
    assert.deepEqual(arm.tpmModels, ['tpm-tis']);
    assert.deepEqual(arm.firmwares, ['efi'], 'no BIOS exists for aarch64');
  });

  it('leave out what is not supported', () => {
    const none = parseDomainCapabilities(`<domainCapabilities>
      <path>/qemu</path><domain>hvf</domain><machine>virt</machine><arch>aarch64</arch>
      <devices><tpm supported='no'><enum name='model'><value>tpm-tis</value></enum></tpm></devices>
    </domainCapabilities>`);
    assert.deepEqual(none.tpmModels, []);
    assert.deepEqual(none.firmwares, []);
    assert.deepEqual(none.cpuModes, []);
    assert.equal(none.maxVcpus, undefined);
  });

  it('are refused when they are something else or lack what everything depends on', () => {
    assert.throws(() => parseDomainCapabilities('<capabilities/>'), failure('CAPABILITIES_INVALID'));
    assert.throws(() => parseDomainCapabilities('<domainCapabilities/>'), failure('CAPABILITIES_INVALID'));
    assert.throws(() => parseDomainCapabilities('<domainCapabilities'), failure('XML_INVALID'));
  });
});

describe('host capabilities', () => {
  for (const version of ['9.0', '11.3']) {
    it(`of libvirt ${version} tell the host's architecture and its guests`, () => {
      const { arch, guests } = parseHostCapabilities(fixture(`caps-${version}.xml`));
      assert.equal(arch, 'x86_64');
      const own = guests.find((guest) => guest.arch === 'x86_64');
      assert.equal(own?.emulator, '/usr/bin/qemu-system-x86_64');
      assert.ok(own.domainTypes.includes('qemu'));
      assert.ok(own.machines.includes('q35'));
    });
  }

  it('name the user and group that QEMU runs as, where it is not its own', () => {
    const system = fixture('caps-9.0.xml').replace(
      '</secmodel>',
      `</secmodel>
       <secmodel>
         <model>dac</model><doi>0</doi>
         <baselabel type='kvm'>+64055:+108</baselabel><baselabel type='qemu'>+64055:+108</baselabel>
       </secmodel>`,
    );
    const { qemuUser, qemuGroup } = parseHostCapabilities(system);
    assert.deepEqual([qemuUser, qemuGroup], [64055, 108]);
    const own = parseHostCapabilities(fixture('caps-9.0.xml'));
    assert.deepEqual([own.qemuUser, own.qemuGroup], [undefined, undefined]);
  });

  it('list other architectures that have an emulator', () => {
    const arm = parseHostCapabilities(fixture('caps-9.0.xml')).guests.find(
      (guest) => guest.arch === 'aarch64',
    );
    assert.equal(arm?.emulator, '/usr/bin/qemu-system-aarch64');
    assert.deepEqual(arm.domainTypes, ['qemu']);
    assert.ok(arm.machines.includes('virt'));
  });

  it('are refused when they are something else', () => {
    assert.throws(() => parseHostCapabilities('<domainCapabilities/>'), failure('CAPABILITIES_INVALID'));
    assert.throws(() => parseHostCapabilities('<capabilities/>'), failure('CAPABILITIES_INVALID'));
  });
});
