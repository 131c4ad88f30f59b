import { mkdir, readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { codeOf } from '../errors.js';
import { isUsualLibvirt, libvirtFileName } from './libvirt-identity.js';

/** Where podman-bootc keeps things on this host. */
export interface Directories {
  /** Disks, keys and logs of VMs: lost when deleted. */
  data: string;
  /** Where those of all this user's libvirts lie; default `data`, where there is one libvirt. */
  root?: string;
  /** What can be made again. */
  cache: string;
  /** Locks. */
  runtime: string;
  /**
   * Mode of directories on the way to a disk. The system daemon's QEMU runs as a user of its own and must
   * reach root's disks; a user's session QEMU runs as that user.
   */
  mode: number;
}

/**
 * The directories of this user: for root below /var and /run, for others by the XDG base directory
 * specification (a relative XDG path is ignored, as it demands).
 */
export function userDirectories(
  environment: NodeJS.ProcessEnv = process.env,
  isRoot = process.getuid?.() === 0,
  home = homedir(),
): Directories {
  if (isRoot) {
    return {
      data: '/var/lib/podman-bootc',
      cache: '/var/cache/podman-bootc',
      runtime: '/run/podman-bootc',
      mode: 0o711,
    };
  }
  const base = (variable: string, fallback: string): string => {
    const value = environment[variable];
    return join(value !== undefined && isAbsolute(value) ? value : fallback, 'podman-bootc');
  };
  const data = base('XDG_DATA_HOME', join(home, '.local', 'share'));
  return {
    data,
    cache: base('XDG_CACHE_HOME', join(home, '.cache')),
    // macOS has no runtime directory: locks then stand beside the data they guard.
    runtime: base('XDG_RUNTIME_DIR', data),
    mode: 0o700,
  };
}

/**
 * The directories for the VMs of one libvirt. Those of the usual one lie where all lay when there was only one.
 * @param libvirt as `libvirtIdentity` names it
 */
export function directoriesFor(directories: Directories, libvirt: string): Directories {
  if (isUsualLibvirt(libvirt)) return directories;
  const root = rootDirectory(directories);
  return { ...directories, root, data: join(root, 'libvirt', libvirtFileName(libvirt)) };
}

function rootDirectory({ data, root = data }: Directories): string {
  return root;
}

/** The directories of every libvirt that this user has had VMs in. */
export async function allDirectories(directories: Directories): Promise<Directories[]> {
  const root = rootDirectory(directories);
  const names = await readdir(join(root, 'libvirt')).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return [];
    throw error;
  });
  const all = [root, ...names.sort().map((name) => join(root, 'libvirt', name))];
  return all.map((data) => ({ ...directories, root, data }));
}

/** The directory that holds one directory per VM. */
export function vmsDirectory(directories: Directories): string {
  return join(directories.data, 'vms');
}

/**
 * The directory that holds the disks of all VMs, and nothing else: libvirt shows it as the storage pool `podman-bootc`.
 */
export function disksDirectory(directories: Directories): string {
  return join(directories.data, 'disks');
}

/**
 * Makes a directory and those above it, ours with the mode that QEMU needs. Node's recursive mkdir is not used: it says
 * ENOENT where a file system is full or read-only.
 */
export async function makeDirectory(path: string, directories: Directories): Promise<void> {
  const make = (): Promise<void> =>
    mkdir(path, { mode: directories.mode }).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error;
    });
  try {
    await make();
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' || path === dirname(path)) throw error;
    await makeDirectory(dirname(path), directories);
    await make();
  }
}
