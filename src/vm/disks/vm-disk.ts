import { checkOverlay, checkRaw, createOverlay, readQcow2 } from '../../disk/qcow2.js';
import { copyRaw } from '../../disk/raw-copy.js';
import { readDomain } from '../../domain/edit.js';
import type { BackingDisk } from '../../domain/specification.js';
import { codeOf, PodmanBootcError } from '../../errors.js';
import { isMissing } from '../../paths.js';
import { formatSize } from '../../sizes.js';
import { checkBacking, type BaseDisk } from './base-store.js';
import { checkSource, type DiskFile } from './disk-file.js';
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
  backing?: BackingDisk;
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
 * The disk of a VM that is made of a disk of the user's: an overlay, over the empty file that was put in its place when the
 * directory was claimed, or that disk itself.
 * @param size bytes, at least those of the user's disk
 */
export async function makeDiskOf(
  host: Host,
  file: DiskFile,
  directory: VmDirectory,
  { inPlace, size }: { inPlace: boolean; size: number },
): Promise<VmDisk> {
  const disk = diskOfFile(host, file, directory, { inPlace, size });
  if (inPlace) return disk;
  if (size > file.size) {
    host.report.info(
      `The disk has ${formatSize(size)}; the guest's file systems have the ${formatSize(file.size)} of ${file.path} until the guest grows them`,
    );
  }
  await createOverlay(disk.path, file.path, size, file.format);
  return disk;
}

/** The same before it is made. */
export function diskOfFile(
  host: Pick<Host, 'features'>,
  { path, format, size, backing }: DiskFile,
  directory: VmDirectory,
  wanted: { inPlace: boolean; size: number },
): VmDisk {
  // As root, libvirt would give what a disk is an overlay of to QEMU's user, and never back.
  const keepsOwner = !host.features.runsQemuAsUs;
  const below = backing && keptAsItIs(backing, keepsOwner);
  if (wanted.inPlace) return { path, format, size, ...(below && { backing: below }) };
  return {
    path: directory.disk('qcow2'),
    format: 'qcow2',
    size: wanted.size,
    backing: { path, format, ...(keepsOwner && { keepsOwner }), ...(below && { backing: below }) },
  };
}

function keptAsItIs(disk: BackingDisk, keepsOwner: boolean): BackingDisk {
  const { backing } = disk;
  return {
    ...disk,
    ...(keepsOwner && { keepsOwner }),
    ...(backing && { backing: keptAsItIs(backing, keepsOwner) }),
  };
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
  const { source } = metadata;
  try {
    if (source?.inPlace === true && format === 'qcow2') {
      await requireWhole(path);
      return;
    }
    if (format === 'raw') {
      await checkRaw(path);
      return;
    }
    const backing = await checkOverlay(path, source?.format);
    if (source) await checkSource(host, name, source);
    else if (backing !== undefined) await checkBacking(host, backing);
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

/** A disk of the user's own may be an overlay of whatever the user has. */
async function requireWhole(path: string): Promise<void> {
  const { damage } = await readQcow2(path);
  if (damage === undefined) return;
  throw new PodmanBootcError('boot', 'DISK_DAMAGED', `The disk ${path} cannot be used: ${damage}`, {
    remedy: `Look at it with \`qemu-img check ${path}\`; podman-bootc neither uses nor deletes it`,
  });
}
