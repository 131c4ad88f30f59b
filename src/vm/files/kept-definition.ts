import { readdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { readDomain } from '../../domain/edit.js';
import { DamagedRecord, readRecord, writeDurably } from '../../durable-file.js';
import { codeOf, messageOf } from '../../errors.js';
import { allDirectories, vmsDirectory, type Directories } from '../host/directories.js';
import type { Host } from '../host/host.js';
import { libvirtIdentity } from '../host/libvirt-identity.js';
import { localDirectoryOf, type VirtualMachine } from '../virtual-machine.js';
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
  /** The image's reference. */
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

/**
 * Keeps the definition of a VM as it is now. Nothing depends on it until libvirt has lost the domain, so that a file which
 * cannot be written is a matter for `debug`. The caller holds the VM's lock.
 */
export async function keepDefinition(host: Host, vm: VirtualMachine): Promise<void> {
  const directory = localDirectoryOf(host, vm);
  if (!directory) return;
  try {
    if (!(await vm.domain.isPersistent())) return;
    await directory.removeUnfinished();
    const definition = await vm.domain.getXml({ inactive: true, secure: true });
    const kept = await readKeptDefinition(directory);
    if (kept && !(kept instanceof DamagedRecord) && kept.definition === definition && isOf(host, kept))
      return;
    const { name, uuid, diskPaths, ports, metadata = vm.metadata } = readDomain(definition);
    const base = metadata.disk.format === 'qcow2' ? metadata.disk.base : undefined;
    const content: KeptDefinition = {
      version: 1,
      uri: host.uri,
      uuid,
      name,
      image: metadata.image.reference,
      ports: [...new Set([metadata.ssh.port, ...ports.map(({ hostPort }) => hostPort)])],
      disks: await Promise.all(
        diskPaths
          .filter((path) => dirname(path) !== directory.path)
          .map(async (path) => ({ path, directory: (await inodeOf(dirname(path))) ?? 0 })),
      ),
      ...(base !== undefined && { base }),
      definition,
    };
    await writeDurably(directory.keptDefinition, JSON.stringify(content));
  } catch (error) {
    host.report.debug(`The definition of ${vm.name} was not kept: ${messageOf(error)}`);
  }
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

/** Undefined for what is not there. */
async function inodeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).ino;
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}
