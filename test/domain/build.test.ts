import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import {
  buildDomain,
  chooseFirmware,
  chooseNetwork,
  chooseTpm,
  machineFor,
  type DomainSpecification,
} from '../../src/domain/build.js';
import { parseDomainCapabilities } from '../../src/domain/capabilities.js';
import { readDomain } from '../../src/domain/edit.js';
import { child, children, find, parseXml, text } from '../../src/domain/xml.js';
import { assertGolden } from '../support/golden.js';
import { accelerated, emulated, failure, fixture, goldenDirectory, metadata } from './support.js';
import { specification, variants } from './variants.js';

function goldenFile(variant: string): string {
  return join(goldenDirectory, `${variant}.xml`);
}

describe('building a domain', () => {
  for (const [variant, spec] of Object.entries(variants)) {
    it(`gives ${variant} the domain that its golden file holds`, () => {
      const built = buildDomain(spec);
      assertGolden(goldenFile(variant), built);
    });
  }

  it('has no golden file without a variant', () => {
    const files = readdirSync(goldenDirectory).sort();
    assert.deepEqual(
      files,
      Object.keys(variants)
        .map((each) => `${each}.xml`)
        .sort(),
    );
  });

  it('makes only what the schema of libvirt itself accepts', () => {
    // 20 ms a file; the schema of 9.0 knows passt already, though not every build of 9.0 does.
    for (const variant of Object.keys(variants)) {
      const { error, status, stdout, stderr } = spawnSync(
        'virt-xml-validate',
        [goldenFile(variant), 'domain'],
        {
          encoding: 'utf8',
        },
      );
      assert.equal(error, undefined, 'virt-xml-validate is needed; it is in the package libvirt-clients');
      assert.equal(status, 0, `${variant}: ${stdout}${stderr}`);
    }
  });

  it('is read back as it was meant', () => {
    for (const [variant, spec] of Object.entries(variants)) {
      const read = readDomain(buildDomain(spec));
      assert.deepEqual(
        read,
        {
          name: spec.name,
          uuid: spec.uuid,
          ...(spec.title !== undefined && { title: spec.title }),
          domainType: spec.domainType,
          arch: spec.arch,
          machine: machineFor(spec.arch),
          cpus: spec.cpus,
          memory: spec.memory,
          currentMemory: spec.memory,
          firmware: spec.firmware,
          ...(spec.emulator !== undefined && { emulator: spec.emulator }),
          metadata: spec.metadata,
          sshPort: spec.sshPort,
          consoleLog: spec.consoleLog,
          diskPaths: [spec.disk.path, ...(spec.cloudInitIso === undefined ? [] : [spec.cloudInitIso])],
          backingPaths: spec.disk.backing ? [spec.disk.backing.path] : [],
          ports: spec.metadata.ports ?? [],
          usesPasst: spec.network === 'passt',
          volumes: [...(spec.volumes ?? [])],
        },
        variant,
      );
    }
  });

  it('rounds memory up to whole KiB', () => {
    const domain = parseXml(buildDomain(specification({ memory: 2_000_000_001 })));
    assert.equal(text(child(domain, 'memory')), '1953126');
  });

  it('forwards SSH from 127.0.0.1 and from nowhere else, and nothing more unless told', () => {
    for (const [variant, { metadata: record }] of Object.entries(variants)) {
      if (record.ports !== undefined) continue;
      const golden = readFileSync(goldenFile(variant), 'utf8');
      const forwards = [...golden.matchAll(/hostfwd=[^,"]*|<portForward [^>]*>/g)].map(([found]) => found);
      assert.equal(forwards.length, 1, variant);
      assert.match(forwards.join(), /^hostfwd=tcp:127\.0\.0\.1:|address="127\.0\.0\.1"/, variant);
    }
  });

  it('puts no text with a comma of its own into an argument of QEMU', () => {
    const domain = parseXml(
      buildDomain(specification({ name: 'a,b', disk: { path: '/a,b', format: 'raw' } })),
    );
    const values = children(child(domain, 'qemu:commandline'), 'qemu:arg').map(
      (each) => each.attributes.value,
    );
    assert.deepEqual(values, [
      '-netdev',
      'user,id=podman-bootc,hostfwd=tcp:127.0.0.1:2222-:22',
      '-device',
      'virtio-net-pci,netdev=podman-bootc,bus=pcie.0,addr=0x10,romfile=',
    ]);
  });

  it('keeps the content of a file credential out of the domain', () => {
    const xml = buildDomain(
      specification({ credentials: { smbios: {}, files: { 'passwd.hashed-password.root': '/srv/secret' } } }),
    );
    const entry = find(parseXml(xml), 'sysinfo', 'entry');
    assert.deepEqual(entry?.attributes, {
      name: 'opt/io.systemd.credentials/passwd.hashed-password.root',
      file: '/srv/secret',
    });
    assert.ok(!xml.includes('<smbios'));
  });

  it('writes credentials for SMBIOS as base64 of UTF-8', () => {
    const xml = buildDomain(
      specification({ credentials: { smbios: { 'login.motd': 'Grüße\n' }, files: {} } }),
    );
    assert.equal(
      text(find(parseXml(xml), 'sysinfo', 'oemStrings', 'entry')),
      'io.systemd.credential.binary:login.motd=R3LDvMOfZQo=',
    );
  });

  it('takes the longest name a file credential can have, and refuses one more character', () => {
    const named = (length: number): DomainSpecification =>
      specification({ credentials: { smbios: {}, files: { ['n'.repeat(length)]: '/srv/secret' } } });
    assert.ok(buildDomain(named(28)).includes(`opt/io.systemd.credentials/${'n'.repeat(28)}"`));
    assert.throws(
      () => buildDomain(named(29)),
      /Expected the name of a credential in a file to be at most 28/,
    );
  });

  it('takes 255 credentials over SMBIOS and refuses the 256th', () => {
    const many = (count: number): DomainSpecification =>
      specification({
        credentials: {
          smbios: Object.fromEntries(Array.from({ length: count }, (_, index) => [`c${index}`, 'x'])),
          files: {},
        },
      });
    buildDomain(many(255));
    assert.throws(() => buildDomain(many(256)), failure('CREDENTIALS_TOO_LARGE', 'usage'));
  });

  it('refuses more text than an SMBIOS table holds, less for every CPU', () => {
    const large = (bytes: number, cpus: number): DomainSpecification =>
      specification({ cpus, credentials: { smbios: { large: 'x'.repeat(bytes) }, files: {} } });
    buildDomain(large(47_000, 1));
    assert.throws(() => buildDomain(large(49_000, 1)), failure('CREDENTIALS_TOO_LARGE', 'usage'));
    assert.throws(() => buildDomain(large(47_000, 64)), failure('CREDENTIALS_TOO_LARGE', 'usage'));
  });

  const refused: Record<string, Partial<DomainSpecification>> = {
    'an empty name': { name: '' },
    'a blank name': { name: '  ' },
    'a name with a slash': { name: 'a/b' },
    'a name with a line break': { name: 'a\nb' },
    'a name with a control character': { name: 'a\u0007b' },
    'a name with half a character': { name: 'a\ud83e' },
    'a UUID that is none': { uuid: 'fedora' },
    'an empty title': { title: '' },
    'a title with a line break': { title: 'a\nb' },
    'a title with an escape sequence': { title: '\u001b[31mred' },
    'a description with a bell': { description: 'a\u0007' },
    'a relative disk': { disk: { path: 'disk.raw', format: 'raw' } },
    'a disk with a NUL': { disk: { path: '/disk\0.raw', format: 'raw' } },
    'a relative base disk': { disk: { path: '/d', format: 'qcow2', backing: { path: 'b', format: 'raw' } } },
    'a cloud-init disk with a line break': { cloudInitIso: '/a\nb' },
    'a relative console log': { consoleLog: 'console.log' },
    'a relative emulator': { emulator: 'qemu' },
    'no CPU': { cpus: 0 },
    'half a CPU': { cpus: 1.5 },
    'more CPUs than the machine takes': { cpus: 100_000 },
    'no memory': { memory: 0 },
    'memory that is no number': { memory: Number.NaN },
    'port 0': { sshPort: 0 },
    'port 65536': { sshPort: 65_536 },
    'another port than in the metadata': { sshPort: 2223 },
    'BIOS on aarch64': { arch: 'aarch64', firmware: 'bios' },
    'secure boot with BIOS': { firmware: 'bios', secureBoot: true },
    'capabilities of another architecture': { capabilities: emulated('aarch64') },
    'capabilities of another accelerator': { capabilities: accelerated('x86_64', 'kvm') },
    'a TPM that the emulator lacks': { tpm: true, capabilities: { ...emulated('x86_64'), tpmModels: [] } },
    'a credential name with a slash': { credentials: { smbios: { 'a/b': '' }, files: {} } },
    'a credential name with an equals sign': { credentials: { smbios: { 'a=b': '' }, files: {} } },
    'a credential name with a colon': { credentials: { smbios: {}, files: { 'a:b': '/srv/a' } } },
    'an empty credential name': { credentials: { smbios: { '': 'x' }, files: {} } },
    'a credential name with a comma': { credentials: { smbios: { 'a,b': 'x' }, files: {} } },
    'a credential file with a comma': { credentials: { smbios: {}, files: { a: '/srv/a,b' } } },
    'a relative credential file': { credentials: { smbios: {}, files: { a: 'a' } } },
    'an image reference with a line break': {
      metadata: { ...metadata, image: { ...metadata.image, reference: 'a\nb' } },
    },
    'an image id that is none': { metadata: { ...metadata, image: { ...metadata.image, id: 'latest' } } },
    'a user with an escape sequence': {
      metadata: { ...metadata, ssh: { ...metadata.ssh, user: '\u001bc' } },
    },
  };

  for (const [what, changes] of Object.entries(refused)) {
    it(`refuses ${what} as wrong usage`, () => {
      assert.throws(() => buildDomain(specification(changes)), failure('DOMAIN_SPECIFICATION', 'usage'));
    });
  }
});

describe('choosing defaults from the capabilities', () => {
  const newer = parseDomainCapabilities(fixture('domcaps-11.3-x86_64-pc.xml'));

  it('takes UEFI where libvirt has firmware for it, and on aarch64 always', () => {
    assert.equal(chooseFirmware(newer, 'x86_64'), 'efi');
    assert.equal(chooseFirmware({ ...newer, firmwares: ['bios'] }, 'x86_64'), 'bios');
    assert.equal(chooseFirmware({ ...emulated('aarch64'), firmwares: [] }, 'aarch64'), 'efi');
  });

  it('takes passt where libvirt lists it', () => {
    assert.equal(chooseNetwork(newer), 'passt');
    assert.equal(chooseNetwork(emulated('x86_64')), 'slirp');
  });

  it('takes a TPM where swtpm is installed and QEMU has a model', () => {
    assert.equal(chooseTpm(newer, true), true);
    assert.equal(chooseTpm(newer, false), false);
    assert.equal(chooseTpm({ ...newer, tpmBackends: ['passthrough'] }, true), false);
    assert.equal(chooseTpm({ ...newer, tpmModels: ['tpm-spapr'] }, true), false);
    assert.equal(chooseTpm(emulated('aarch64'), true), true);
  });

  it('names the machine of each architecture', () => {
    assert.equal(machineFor('x86_64'), 'q35');
    assert.equal(machineFor('aarch64'), 'virt');
  });
});
