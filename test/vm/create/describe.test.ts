import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { buildDomain } from '../../../src/domain/build.js';
import { describeVirtualMachine, type MadeParts } from '../../../src/vm/create/describe.js';
import { publicCredential } from '../../../src/vm/create/login.js';
import type { PlanOfDisk, PlanOfImage, VmPlan } from '../../../src/vm/create/plan.js';
import type { DiskFile } from '../../../src/vm/disks/disk-file.js';
import { diskOfFile } from '../../../src/vm/disks/vm-disk.js';
import { baseKey } from '../../../src/vm/disks/base-key.js';
import { VmDirectory } from '../../../src/vm/files/vm-directory.js';
import { emulated } from '../../domain/support.js';
import { assertGolden } from '../../support/golden.js';
import { imageOf, plainProbe } from './support.js';

const goldenDirectory = fileURLToPath(new URL('../../../../test/vm/create/golden/', import.meta.url));

const uuid = '6a5f0a6e-6c7d-4c0f-9d3a-0123456789ab';
const reference = 'quay.io/fedora/fedora-bootc:42';
const image = imageOf(reference, `sha256:${'d'.repeat(64)}`);
const directory = new VmDirectory(`/srv/data/vms/${uuid}`);

/** The plan of the plainest VM. */
function plan(changes: Partial<PlanOfImage> = {}): PlanOfImage {
  const parts = {
    imageId: image.id,
    reference,
    filesystem: 'xfs',
    rootSizeMax: changes.options?.rootSizeMax,
    diskSize: 10 * 1024 ** 3,
    kargs: changes.options?.kargs ?? [],
    bootcVersion: 'bootc 1.1.6',
  };
  return {
    identity: { name: 'podman-bootc-6a5f0a6e6c7d', uuid },
    replaces: undefined,
    engine: { kind: 'local' },
    image,
    reference,
    options: {},
    volumes: [],
    files: { cloudInit: undefined, scratch: undefined, sshKeys: [], passwordFile: undefined },
    requirements: {
      cpus: 2,
      memory: 2 * 1024 ** 3,
      diskSize: undefined,
      filesystem: undefined,
      ports: [],
      firmware: undefined,
      composefsBackend: undefined,
      bootloader: undefined,
      bootcArgs: [],
      origins: { cpus: 'default' },
    },
    probe: plainProbe,
    hardware: { arch: 'x86_64', domainType: 'qemu', capabilities: emulated('x86_64') },
    firmware: 'efi',
    filesystem: { option: undefined, effective: 'xfs', reason: "the image's default" },
    backend: {
      composefs: false,
      option: false,
      bootloader: undefined,
      hasLoader: true,
      needsUefi: false,
      reason: undefined,
    },
    diskSize: 10 * 1024 ** 3,
    format: 'qcow2',
    parts,
    base: baseKey(parts),
    rootKeys: [],
    directory,
    account: { user: 'root', uid: 0, gid: 0, home: '/root' },
    hostKey: 'handed-over',
    guestAgent: { socket: directory.agentSocket },
    network: 'slirp',
    tpm: false,
    ...changes,
  };
}

function made(of: VmPlan): MadeParts {
  return {
    disk: of.disk ? of.vmDisk : diskOf(of),
    sshPort: 40022,
    publicCredential: publicCredential(of, 'ssh-ed25519 AAAA podman-bootc-6a5f0a6e6c7d\n'),
    created: '2026-08-01T12:00:00.000Z',
  };
}

function diskOf({ format, diskSize: size, base }: PlanOfImage): MadeParts['disk'] {
  const path = directory.disk(format);
  return format === 'raw'
    ? { path, format, size }
    : { path, format, size, backing: { path: `/srv/cache/bases/${base}/disk.raw`, format: 'raw' } };
}

/** A disk of the user's, which is an overlay itself. */
const file: DiskFile = {
  path: '/home/me/my os.qcow2',
  format: 'qcow2',
  size: 10 * 1024 ** 3,
  backing: {
    path: '/home/me/below.qcow2',
    format: 'qcow2',
    backing: { path: '/srv/lowest.img', format: 'raw' },
  },
  identity: '2049-7',
  state: { length: 196_616, modified: '2026-07-31T12:00:00.000Z', inode: '7' },
  boot: { table: 'GPT', loaders: ['x86_64'], hasBootCode: false },
};

/** The plan of a VM of that disk. */
function planOfDisk(inPlace: boolean, runsQemuAsUs: boolean, changes: Partial<PlanOfDisk> = {}): PlanOfDisk {
  const { identity, replaces, files, requirements, hardware, firmware, account, guestAgent, volumes } = usual;
  const common = {
    identity,
    replaces,
    files,
    requirements,
    hardware,
    firmware,
    account,
    guestAgent,
    volumes,
  };
  const size = 10 * 1024 ** 3;
  return {
    ...common,
    options: { inPlace },
    directory,
    diskSize: size,
    network: 'slirp',
    tpm: false,
    hostKey: 'first-contact',
    format: inPlace ? undefined : 'qcow2',
    disk: file,
    vmDisk: diskOfFile({ features: { ...features, runsQemuAsUs } }, file, directory, { inPlace, size }),
    ...changes,
  };
}

const features = { files: true, ports: true, console: true };

const usual = plan();

/** Every plan has a golden file of its name. */
const plans: Readonly<Record<string, VmPlan>> = {
  usual,
  'whole-disk': plan({ format: 'raw' }),
  'of-the-system-daemon': plan({ guestAgent: undefined, network: 'passt', tpm: true }),
  'of-a-disk': planOfDisk(false, true),
  'of-a-disk-of-the-system-daemon': planOfDisk(false, false, {
    files: { identity: { path: '/home/me/.ssh/id', line: 'ssh-ed25519 CCCC me' } },
  }),
  'of-a-disk-in-place': planOfDisk(true, false),
  'no-agent': plan({ guestAgent: 'none' }),
  'of-an-old-image': plan({ hostKey: 'first-contact', firmware: 'bios' }),
  everything: plan({
    identity: { name: 'web', uuid },
    engine: { kind: 'machine', connection: 'podman-machine-default-root', machine: 'podman-machine-default' },
    options: {
      rootSizeMax: 8 * 1024 ** 3,
      kargs: ['quiet', 'a=b'],
      hostname: 'web-1.example.org',
      labels: { stage: 'test' },
    },
    files: {
      cloudInit: '/home/me/cloud-init',
      scratch: '/mnt/scratch',
      sshKeys: [{ line: 'ssh-ed25519 BBBB me', fingerprint: 'SHA256:abc' }],
      passwordFile: 'secret',
    },
    requirements: {
      ...usual.requirements,
      cpus: 4,
      memory: 4 * 1024 ** 3,
      ports: [{ protocol: 'tcp', address: '127.0.0.1', hostPort: 8080, guestPort: 80 }],
      bootcArgs: ['--allow-missing-verity'],
      origins: { cpus: 'option', ports: 'image label' },
    },
    backend: { ...usual.backend, composefs: true, option: true, bootloader: 'systemd' },
    account: { user: 'core', home: '/home/core' },
  }),
};

describe('a VM as it is described', () => {
  for (const [name, each] of Object.entries(plans)) {
    it(`is the domain of the golden file: ${name}`, () => {
      const file = join(goldenDirectory, `${name}.xml`);
      const built = buildDomain(describeVirtualMachine(each, made(each)));
      assertGolden(file, built);
      assert.ok(!built.includes('secret'));
    });
  }

  it('has no golden file without a plan', () => {
    const names = Object.keys(plans).map((name) => `${name}.xml`);
    assert.deepEqual(readdirSync(goldenDirectory).sort(), names.sort());
  });
});
