import assert from 'node:assert/strict';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { rememberProbe } from '../../../src/bootc/probe-memory.js';
import { probeScript } from '../../../src/bootc/probe.js';
import type { RunOptions } from '../../../src/vm/create/options.js';
import {
  planVirtualMachine,
  type PlanOfDisk,
  type PlanOfImage,
  type WantedOfDisk,
  type WantedOfImage,
} from '../../../src/vm/create/plan.js';
import { MiB } from '../../../src/sizes.js';
import { readDiskFile } from '../../../src/vm/disks/disk-file.js';
import { makeDirectory } from '../../../src/vm/host/directories.js';
import type { Host } from '../../../src/vm/host/host.js';
import { fixture } from '../../domain/support.js';
import { writeMbr } from '../../support/disk-image.js';
import { rejectsWithCode } from '../../support/rejects.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { openTestHost } from '../../support/test-host.js';
import { uuidFor } from '../../support/test-node.js';
import { imageOf, plainProbe } from './support.js';

const reference = 'quay.io/test/os:1';
const image = imageOf(reference);

/** A host whose libvirt, other than its test driver, says what QEMU can do; on which an image was asked before. */
async function openPlanningHost(context: Mocha.Context, change: (host: Host) => Host = (host) => host) {
  const test = await openTestHost(context, []);
  const capabilities = fixture('domcaps-9.0-x86_64-q35.xml');
  const connection = new Proxy(test.host.connection, {
    get(target, name) {
      if (name === 'getDomainCapabilities') return () => Promise.resolve(capabilities);
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
  const host = change({ ...test.host, connection });
  await makeDirectory(host.directories.cache, host.directories);
  await rememberProbe(
    join(host.directories.cache, 'image-probes.json'),
    { engine: 'local', imageId: image.id, user: 'root' },
    probeScript,
    plainProbe,
  );
  return { ...test, host };
}

function wanted(options: RunOptions, files: Partial<WantedOfImage['files']> = {}): WantedOfImage {
  return {
    identity: { name: 'new', uuid: uuidFor('new') },
    replaces: undefined,
    engine: { kind: 'local' },
    image,
    reference,
    options: { accelerator: 'tcg', ...options },
    files: { cloudInit: undefined, scratch: undefined, sshKeys: [], passwordFile: undefined, ...files },
  };
}

describe('the plan of a VM', () => {
  it('says all that is decided, and makes nothing', async function () {
    const { host, directory } = await openPlanningHost(this);
    const plan = (await planVirtualMachine(
      host,
      wanted({ cpus: 3, diskFormat: 'raw' }),
      undefined,
    )) as PlanOfImage;
    assert.deepEqual(
      [
        plan.requirements.cpus,
        plan.format,
        plan.filesystem.effective,
        plan.hostKey,
        plan.hardware.domainType,
      ],
      [3, 'raw', 'xfs', 'handed-over', 'qemu'],
    );
    assert.equal(plan.directory.path, directory('new'));
    assert.ok(!existsSync(host.directories.data) || !existsSync(directory('new')));
  });

  const longKeys = Array.from({ length: 70 }, (_, index) => ({
    line: `ssh-rsa ${'A'.repeat(700)} ${index}`,
    fingerprint: `SHA256:${index}`,
  }));
  const refused: Record<string, [code: string, WantedOfImage, change?: (host: Host) => Host]> = {
    'more CPUs than the machine takes': ['CPUS_INVALID', wanted({ cpus: 1000 })],
    'composefs by a bootc that has none': ['BOOTC_TOO_OLD', wanted({ composefsBackend: true })],
    'more keys than a guest can be handed': ['CREDENTIALS_TOO_LARGE', wanted({}, { sshKeys: longKeys })],
    'a directory whose name QEMU would not take': [
      'DOMAIN_SPECIFICATION',
      wanted({}),
      (host) => ({ ...host, directories: { ...host.directories, data: join(host.directories.data, 'a,b') } }),
    ],
  };
  for (const [what, [code, vm, change]] of Object.entries(refused)) {
    it(`is refused for ${what}, before the install`, async function () {
      const { host } = await openPlanningHost(this, change);
      await rejectsWithCode(code, () => planVirtualMachine(host, vm, undefined));
      assert.ok(!existsSync(join(host.directories.data, 'vms', vm.identity.uuid)));
      assert.ok(!existsSync(join(host.directories.cache, 'bases')));
    });
  }
});

describe('the plan of a VM of a disk', () => {
  async function wantedDisk(path: string, options: RunOptions = {}): Promise<WantedOfDisk> {
    return {
      identity: { name: 'new', uuid: uuidFor('new') },
      replaces: undefined,
      disk: await readDiskFile(path),
      options: { accelerator: 'tcg', disk: path, ...options },
      files: {},
    };
  }

  it('is an overlay, boots by what the disk has, and makes nothing', async function () {
    const { host, directory } = await openPlanningHost(this);
    const path = join(temporaryDirectory(this), 'disk.img');
    writeMbr(path);
    const plan = (await planVirtualMachine(host, await wantedDisk(path), undefined)) as PlanOfDisk;
    assert.deepEqual([plan.format, plan.firmware, plan.hostKey], ['qcow2', 'bios', 'first-contact']);
    assert.deepEqual(plan.vmDisk, {
      path: plan.directory.disk('qcow2'),
      format: 'qcow2',
      size: MiB,
      backing: {
        path: realpathSync(path),
        format: 'raw',
        ...(!host.features.runsQemuAsUs && { keepsOwner: true }),
      },
    });
    assert.deepEqual(Object.keys(plan.requirements.origins).sort(), [
      ...['cpus', 'diskSize', 'firmware', 'memory', 'ports'],
    ]);
    assert.ok(!existsSync(directory('new')));
  });

  it('is that disk itself in place, and nobody writes to it for that', async function () {
    const { host } = await openPlanningHost(this);
    const path = join(temporaryDirectory(this), 'disk.img');
    writeMbr(path);
    const before = readFileSync(path);
    const plan = (await planVirtualMachine(
      host,
      await wantedDisk(path, { inPlace: true }),
      undefined,
    )) as PlanOfDisk;
    assert.deepEqual(
      [plan.format, plan.vmDisk],
      [undefined, { path: realpathSync(path), format: 'raw', size: MiB }],
    );
    assert.deepEqual(readFileSync(path), before);
  });

  it('is refused for an overlay that is smaller', async function () {
    const { host } = await openPlanningHost(this);
    const path = join(temporaryDirectory(this), 'disk.img');
    writeMbr(path);
    const wantedOne = await wantedDisk(path, { diskSize: 4096 });
    await rejectsWithCode('SIZE_INVALID', () => planVirtualMachine(host, wantedOne, undefined));
  });

  it('is refused for a disk in our own directories', async function () {
    const { host } = await openPlanningHost(this);
    const path = join(host.directories.cache, 'disk.img');
    writeMbr(path);
    const error = await rejectsWithCode('DISK_FILE_INVALID', async () =>
      planVirtualMachine(host, await wantedDisk(path), undefined),
    );
    assert.match(error.message, /where podman-bootc makes and deletes disks/);
  });
});
