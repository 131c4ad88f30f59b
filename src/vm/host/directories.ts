import { constants } from 'node:fs';
import { chmod, lstat, mkdir, open, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import type { Stats } from 'node:fs';
import { codeOf, PodmanBootcError } from '../../errors.js';
import { ownUid } from '../../own-file.js';
import { namesIn } from '../../paths.js';
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

/** Of directories that nobody but us has anything to look for in. */
const privateMode = 0o700;

/**
 * The directories of this user: for root below /var and /run, for others by the XDG base directory
 * specification (a relative XDG path is ignored, as it demands, but for XDG_RUNTIME_DIR, which libvirt does not ignore).
 * @param home default HOME, else what the system knows
 * @throws PodmanBootcError `HOME_INVALID`, `RUNTIME_DIRECTORY_INVALID`
 */
export function userDirectories(
  environment: NodeJS.ProcessEnv = process.env,
  isRoot = process.getuid?.() === 0,
  home?: string,
): Directories {
  if (isRoot) {
    return {
      data: '/var/lib/podman-bootc',
      cache: '/var/cache/podman-bootc',
      runtime: '/run/podman-bootc',
      mode: 0o711,
    };
  }
  const base = (variable: string, ...belowHome: string[]): string => {
    const value = environment[variable];
    if (value !== undefined && isAbsolute(value)) return join(value, 'podman-bootc');
    return join(homeOf(environment, home), ...belowHome, 'podman-bootc');
  };
  const runtime = environment.XDG_RUNTIME_DIR ?? '';
  if (runtime !== '' && !isAbsolute(runtime)) {
    throw new PodmanBootcError(
      'host',
      'RUNTIME_DIRECTORY_INVALID',
      `Expected XDG_RUNTIME_DIR to be an absolute path, got ${JSON.stringify(runtime)}`,
      { remedy: 'Set it to /run/user/UID, as a login does, or unset it' },
    );
  }
  const data = base('XDG_DATA_HOME', '.local', 'share');
  return {
    data,
    cache: base('XDG_CACHE_HOME', '.cache'),
    // macOS has no runtime directory: locks then stand beside the data they guard.
    runtime: join(runtime === '' ? data : runtime, 'podman-bootc'),
    mode: privateMode,
  };
}

function homeOf(environment: NodeJS.ProcessEnv, given: string | undefined): string {
  let home = given ?? environment.HOME;
  try {
    home ??= homedir();
  } catch {
    // This user is unknown to the system.
  }
  if (home !== undefined && isAbsolute(home)) return home;
  throw new PodmanBootcError(
    'host',
    'HOME_INVALID',
    home === undefined
      ? `HOME is not set, and this user (uid ${ownUid()}) has no home directory`
      : `Expected HOME to be an absolute path, got ${JSON.stringify(home)}`,
    { remedy: 'Set HOME, or XDG_DATA_HOME and XDG_CACHE_HOME, to a directory of yours' },
  );
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
  const names = await namesIn(join(root, 'libvirt'));
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
 * Makes a directory and those above it. Ours get the mode that QEMU needs, whatever the umask, also when they are there
 * with another one. Somebody else may have made them, or put a link in their place: those are refused. Node's recursive
 * mkdir is not used: it says ENOENT where a file system is full or read-only.
 * @throws PodmanBootcError `DIRECTORY_UNUSABLE`; what the system refuses, as it comes
 */
export async function makeDirectory(path: string, directories: Directories): Promise<void> {
  const own = ownDirectories(path, directories);
  const parentMode = directories.mode === privateMode ? privateMode : 0o755;
  for (const [index, each] of own.paths.entries()) {
    if (index === 0 && own.isRuntime) await requireTrustedOwner(dirname(each));
    if (await makeWithParents(each, own.mode, parentMode)) continue;
    const status = await requireOwn(each);
    await mend(each, status, own);
  }
}

/** Gives those of our directories on the way to a path that are there the mode that QEMU needs. */
export async function mendDirectory(path: string, directories: Directories): Promise<void> {
  const own = ownDirectories(path, directories);
  for (const each of own.paths) {
    const status = await requireOwn(each).catch(() => undefined);
    if (status) await mend(each, status, own);
  }
}

/** A path and the directories above it that we make, the uppermost first. */
interface OwnDirectories {
  paths: string[];
  mode: number;
  isRuntime: boolean;
}

function ownDirectories(path: string, directories: Directories): OwnDirectories {
  const { cache, runtime, mode } = directories;
  const root =
    [rootDirectory(directories), cache, runtime].find(
      (each) => path === each || path.startsWith(each + sep),
    ) ?? path;
  const isRuntime = root === runtime;
  const paths = [root];
  for (const name of relative(root, path).split(sep).filter(Boolean))
    paths.push(join(paths.at(-1) ?? root, name));
  return { paths, mode: isRuntime ? privateMode : mode, isRuntime };
}

/** @returns whether it was made, and not there already */
async function makeOne(path: string, mode: number): Promise<boolean> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
  await chmod(path, mode);
  return true;
}

/** Makes a directory, and what is missing above it: those are others' when they are there. */
async function makeWithParents(path: string, mode: number, parentMode: number): Promise<boolean> {
  try {
    return await makeOne(path, mode);
  } catch (error) {
    const parent = dirname(path);
    if (!['ENOENT', 'ENOTDIR', 'ELOOP'].includes(codeOf(error) ?? '') || path === parent) throw error;
    if (!(await makeWithParents(parent, parentMode, parentMode))) await followed(parent);
    return await makeOne(path, mode);
  }
}

/**
 * What is at a path, following links.
 * @throws PodmanBootcError `DIRECTORY_UNUSABLE` unless that is a directory
 */
async function followed(path: string): Promise<Stats> {
  const status = await stat(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') throw unusable(path, 'a symbolic link that leads nowhere', error);
    if (codeOf(error) === 'ELOOP') throw unusable(path, 'a loop of symbolic links', error);
    throw error;
  });
  if (!status.isDirectory()) throw unusable(path, 'something else');
  return status;
}

/**
 * Whether somebody else could lead us astray: a directory of ours may be a link if we, or root, made that.
 * @throws PodmanBootcError `DIRECTORY_UNUSABLE`; `ENOENT` and the like as they come
 */
export async function requireOwn(path: string): Promise<Stats> {
  const link = await lstat(path);
  if (link.isSymbolicLink() && !isTrusted(link))
    throw unusable(path, `a symbolic link of another user (uid ${link.uid})`);
  const status = await followed(path);
  if (status.uid !== ownUid())
    throw unusable(path, status.uid === 0 ? 'one of root' : `one of another user (uid ${status.uid})`);
  return status;
}

function isTrusted({ uid }: Stats): boolean {
  return uid === ownUid() || uid === 0;
}

/** Whoever owns the directory that ours is in could put another one in its place, at any time. */
async function requireTrustedOwner(path: string): Promise<void> {
  const status = await stat(path).catch(() => undefined);
  // Of one that is not there or a loop of links, making ours says more.
  if (!status || isTrusted(status)) return;
  throw new PodmanBootcError(
    'host',
    'DIRECTORY_UNUSABLE',
    `The directory ${path}, where the locks would be, belongs to another user (uid ${status.uid})`,
    { remedy: 'Set XDG_RUNTIME_DIR to a directory of yours: /run/user/UID, as a login does, or unset it' },
  );
}

/** A user may have opened a directory further; nobody else may write to it. */
async function mend(
  path: string,
  { mode: found }: Stats,
  { mode, isRuntime }: OwnDirectories,
): Promise<void> {
  const wanted = isRuntime ? mode : (found | mode) & 0o7755;
  if ((found & 0o7777) === wanted) return;
  // By a descriptor: what stands there now is what was looked at, or no directory of ours.
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY).catch((error: unknown) => {
    if (codeOf(error) !== 'EACCES') throw error;
  });
  if (!directory) {
    await chmod(path, wanted);
    return;
  }
  try {
    if ((await directory.stat()).uid === ownUid()) await directory.chmod(wanted);
  } finally {
    await directory.close();
  }
}

function unusable(path: string, got: string, cause?: unknown): PodmanBootcError {
  return new PodmanBootcError(
    'host',
    'DIRECTORY_UNUSABLE',
    `Expected ${path} to be a directory of this user (uid ${ownUid()}), got ${got}`,
    {
      remedy:
        'Look who made it; HOME, XDG_DATA_HOME, XDG_CACHE_HOME and XDG_RUNTIME_DIR name other directories',
      cause,
    },
  );
}
