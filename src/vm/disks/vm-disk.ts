import { checkOverlay, checkRaw, createOverlay } from '../../disk/qcow2.js';
import { copyRaw } from '../../disk/raw-copy.js';
import { readDomain } from '../../domain/edit.js';
import { codeOf, PodmanBootcError } from '../../errors.js';
import { isMissing } from '../../paths.js';
import { formatSize } from '../../sizes.js';
import { checkBacking, type BaseDisk } from './base-store.js';
import type { Host } from '../host/host.js';
import type { VirtualMachine } from '../virtual-machine.js';
import type { DiskFormatPreference } from '../option-values.js';
import type { DiskFormat, VmDirectory } from '../files/vm-directory.js';

/** The format that a preference stands for. */
export function vmDiskFormat(preference: DiskFormatPreference): DiskFormat {
  return preference === 'auto' ? 'qcow2' : preference;
}

/** A VM's disk as its domain names it. */
export interface VmDisk {
  path: string;
  format: DiskFormat;
  /** Bytes. */
  size: number;
  backing?: { path: string; format: 'raw' };
}

/**
 * Makes a VM's disk from a base disk, over the empty file that was put in its place when the directory was claimed.
 * @param size bytes, at least those of the base disk
 */
export async function makeVmDisk(
  host: Host,
  base: BaseDisk,
  directory: VmDirectory,
  format: DiskFormat,
  size: number,
): Promise<VmDisk> {
  const path = directory.disk(format);
  if (size > base.parts.diskSize) {
    host.report.info(
      `The disk has ${formatSize(size)}; the guest's root file system has ${formatSize(base.parts.diskSize)} until the guest grows it`,
    );
  }
  if (format === 'raw') {
    const shared = await copyRaw(base.path, path, size);
    if (!shared)
      host.report.info('The file system cannot share space between files: the disk was copied whole');
    return { path, format, size };
  }
  await createOverlay(path, base.path, size);
  return { path, format, size, backing: { path: base.path, format: 'raw' } };
}

/**
 * Refuses to boot from a disk that is not what was made. One that somebody replaced in the domain is theirs.
 * @throws PodmanBootcError `DISK_MISSING`, `DISK_DAMAGED`, `BASE_DAMAGED`
 */
export async function checkVmDisk(host: Host, vm: VirtualMachine): Promise<void> {
  const { diskPaths } = readDomain(await vm.domain.getXml({ inactive: true }));
  if (!vm.metadata.disk || !diskPaths.includes(vm.metadata.disk.path)) return;
  await requireDisk(host, vm, `Put it back, or remove the VM with \`podman-bootc rm ${vm.id}\``);
}

/**
 * The same for a VM that need not have a domain.
 * @param remedy what to do when the disk is gone
 */
export async function requireDisk(
  host: Host,
  { name, metadata }: Pick<VirtualMachine, 'name' | 'metadata'>,
  remedy: string,
): Promise<void> {
  if (!metadata.disk) return;
  const { path, format } = metadata.disk;
  try {
    if (format === 'raw') {
      await checkRaw(path);
      return;
    }
    const backing = await checkOverlay(path);
    if (backing !== undefined) await checkBacking(host, backing);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EACCES' || code === 'EPERM') return;
    if (!isMissing(error)) throw error;
    throw new PodmanBootcError('boot', 'DISK_MISSING', `The disk ${path} of the VM ${name} is gone`, {
      remedy,
      cause: error,
    });
  }
}
