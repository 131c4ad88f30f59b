import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createOverlay } from '../../../src/disk/qcow2.js';
import { element, buildXml } from '../../../src/domain/xml.js';
import type { VirtualMachine } from '../../../src/vm/virtual-machine.js';
import { checkVmDisk } from '../../../src/vm/disks/vm-disk.js';
import type { DiskFormat } from '../../../src/vm/files/vm-directory.js';
import { rejectsWithCode } from '../../support/rejects.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { openTestHost } from '../../support/test-host.js';
import { metadataFor } from '../../support/test-node.js';

/** A VM whose domain has this disk; libvirt's test driver knows none. */
function vmWith(path: string, format: DiskFormat): VirtualMachine {
  const disk = element('disk', { type: 'file', device: 'disk' }, element('source', { file: path }));
  const xml = buildXml(
    element(
      'domain',
      { type: 'test' },
      element('name', {}, 'vm'),
      element('memory', { unit: 'MiB' }, '64'),
      element('os', {}, element('type', {}, 'hvm')),
      element('devices', {}, disk),
    ),
  );
  return {
    id: '0123456789ab',
    name: 'vm',
    metadata: { ...metadataFor({ name: 'vm' }), disk: { path, size: 1024 ** 2, format } },
    domain: { getXml: () => Promise.resolve(xml) },
  } as unknown as VirtualMachine;
}

describe("a VM's disk", () => {
  for (const format of ['raw', 'qcow2'] as const) {
    it(`that is ${format} may be started from when it is there, and from nothing in its place`, async function () {
      const directory = temporaryDirectory(this);
      const { host } = await openTestHost(this, []);
      const base = join(directory, 'base');
      const path = join(directory, 'disk');
      const vm = vmWith(path, format);
      await rejectsWithCode('DISK_MISSING', () => checkVmDisk(host, vm));
      mkdirSync(path);
      await rejectsWithCode('DISK_DAMAGED', () => checkVmDisk(host, vm));
      rmSync(path, { recursive: true });
      execFileSync('mkfifo', [path]);
      await rejectsWithCode('DISK_DAMAGED', () => checkVmDisk(host, vm));
      rmSync(path);
      writeFileSync(base, '');
      truncateSync(base, 1024 ** 2);
      if (format === 'qcow2') await createOverlay(path, base, 1024 ** 2);
      else writeFileSync(path, '');
      await checkVmDisk(host, vm);
      writeFileSync(join(directory, 'file'), '');
      await rejectsWithCode('DISK_MISSING', () =>
        checkVmDisk(host, vmWith(join(directory, 'file', 'disk'), format)),
      );
    });
  }

  it('is an overlay of a base that is there', async function () {
    const directory = temporaryDirectory(this);
    const { host } = await openTestHost(this, []);
    const base = join(directory, 'base');
    const path = join(directory, 'disk');
    writeFileSync(base, '');
    truncateSync(base, 1024 ** 2);
    await createOverlay(path, base, 1024 ** 2);
    rmSync(base);
    await rejectsWithCode('BASE_DAMAGED', () => checkVmDisk(host, vmWith(path, 'qcow2')));
    execFileSync('mkfifo', [base]);
    await rejectsWithCode('DISK_DAMAGED', () => checkVmDisk(host, vmWith(path, 'qcow2')));
  });
});
