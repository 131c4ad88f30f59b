import { readdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DamagedRecord, readRecord } from '../../durable-file.js';
import { isMissing } from '../../paths.js';
import { allDirectories, vmsDirectory, type Directories } from '../host/directories.js';
import type { Host } from '../host/host.js';
import { libvirtIdentity } from '../host/libvirt-identity.js';
import { VmDirectory } from './vm-directory.js';

/**
 * The last definition of a VM that libvirt took, kept beside its keys. libvirt's own copy goes with `virsh undefine`, or with
 * a libvirt that is installed anew; from this one the VM can be adopted again. It decides nothing as long as libvirt has the
 * domain.
 */
export interface KeptDefinition {
  version: 1;
  /** Of the libvirt that has, or had, the domain. */
  uri: string;
  uuid: string;
  name: string;
  /** The image's reference, or the path of the disk that it was made of. */
  image: string;
  /** Ports of this host that lead to it: no other libvirt's VM is given them. */
  ports: number[];
  /**
   * Its disks outside of its directory, and the inode of the directory that each was in: another one may be mounted there by
   * now.
   */
  disks: { path: string; directory: number }[];
  /** Key of the base disk that its disk is an overlay of. */
  base?: string;
  /** The domain's XML. */
  definition: string;
}

/** The definition kept in a VM's directory; undefined where none is: a VM made before they were. */
export async function readKeptDefinition(
  directory: VmDirectory,
): Promise<KeptDefinition | DamagedRecord | undefined> {
  return readRecord(directory.keptDefinition, async (value) => {
    const { checkRecord, keptDefinitionSchema } = await import('./records.js');
    return checkRecord(keptDefinitionSchema, value);
  });
}

/** The ports of all VMs that this user has, in whichever libvirt, as far as they are on record. */
export async function keptPorts(directories: Directories): Promise<number[]> {
  const ports = await Promise.all(
    (await allDirectories(directories)).map(async (each) => {
      const uuids = await readdir(vmsDirectory(each)).catch(() => []);
      const kept = await Promise.all(uuids.map((uuid) => readKeptDefinition(VmDirectory.of(each, uuid))));
      return kept.flatMap((vm) => (vm && !(vm instanceof DamagedRecord) ? vm.ports : []));
    }),
  );
  return ports.flat();
}

/** Whether a record is of the libvirt that a host is connected to. */
export function isOf(host: Pick<Host, 'libvirt'>, { uri }: { uri: string }): boolean {
  return libvirtIdentity(uri) === host.libvirt;
}

/**
 * Whether all disks of a VM are gone for good: deleted, that is, and not on a file system that is not mounted now.
 */
export async function disksAreGone({ disks }: KeptDefinition): Promise<boolean> {
  for (const { path, directory } of disks) {
    if ((await inodeOf(path)) !== undefined) return false;
    if ((await inodeOf(dirname(path))) !== directory) return false;
  }
  return disks.length > 0;
}

/** The inode of a file or directory; undefined for what is not there. */
export async function inodeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).ino;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
