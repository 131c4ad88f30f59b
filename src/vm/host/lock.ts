import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, PodmanBootcError } from '../../errors.js';
import { option } from '../../option-text.js';
import { lockFile } from './file-lock.js';
import { openOwnFile } from '../../own-file.js';
import { makeDirectory } from './directories.js';
import type { Host } from './host.js';
import { isUsualLibvirt, libvirtFileName } from './libvirt-identity.js';

/** How a lock is waited for. */
export interface LockOptions {
  /** What is locked, for whoever waits: `the VM web`. */
  what: string;
  signal?: AbortSignal | undefined;
  /** Whoever has it has it for an instant: it is waited for in silence, also where the host was opened not to wait. */
  brief?: boolean;
}

/*
 * Locks are flock(2) on files, which the kernel gives back when the process ends, however it ends. The files stay:
 * deleting one would let two processes hold "the" lock. What is written in them is for people who wait; it says who had
 * the lock last, and decides nothing.
 */

/**
 * Where a lock lies. VMs and names are those of one libvirt. Ports are the host's, as are disks and files of the user's: all
 * of a user's libvirts choose them under one lock. Base disks and layouts of images are locked beside them, so that everybody who shares the cache directory meets there, whatever
 * their /run: another container, say.
 */
function lockFileOf({ directories, libvirt }: Host, name: string): { directory: string; file: string } {
  const directory = /^(base|layout)-/.test(name)
    ? join(directories.cache, 'locks')
    : /^(ports$|disk-|file-)/.test(name) || isUsualLibvirt(libvirt)
      ? join(directories.runtime, 'locks')
      : join(directories.runtime, 'locks', libvirtFileName(libvirt));
  return { directory, file: join(directory, `${name}.lock`) };
}

async function openLock(host: Host, name: string): Promise<FileHandle> {
  const { directory, file } = lockFileOf(host, name);
  await makeDirectory(directory, host.directories);
  return openOwnFile(file, 'append');
}

async function held(file: FileHandle, host: Host): Promise<AsyncDisposable> {
  await file.truncate(0);
  await file.write(`${host.program} (process ${process.pid})`);
  return { [Symbol.asyncDispose]: () => file.close() };
}

/**
 * Takes a lock, waiting for whoever holds it, or failing at once where the host was opened not to wait.
 * @param name the lock: a VM's uuid, `name-NAME`, `ports`, `base-KEY`, `layout-REPOSITORY`, `disk-DEVICE-INODE` or `file-HASH`
 * @throws PodmanBootcError `BUSY`
 */
export async function acquireLock(host: Host, name: string, options: LockOptions): Promise<AsyncDisposable> {
  const file = await openLock(host, name);
  try {
    if (!(await lockFile(file.fd, { wait: false }))) {
      if (options.brief !== true) await announceWait(file, host, options.what);
      await lockFile(file.fd, { wait: true, ...(options.signal && { signal: options.signal }) });
    }
    return await held(file, host);
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** @throws PodmanBootcError `BUSY` */
async function announceWait(file: FileHandle, host: Host, what: string): Promise<void> {
  const holder = (await file.readFile('utf8')) || 'another podman-bootc';
  if (!host.waits) {
    throw new PodmanBootcError('failure', 'BUSY', `${holder} works on ${what}`, {
      remedy: `Try again later, or leave out ${option('wait', false)} to wait for it`,
    });
  }
  host.report.info(`Waiting for ${holder}, which works on ${what}`);
}

/** Takes a lock if nobody holds it; else undefined, at once. */
export async function tryLock(host: Host, name: string): Promise<AsyncDisposable | undefined> {
  const file = await openLock(host, name);
  try {
    if (await lockFile(file.fd, { wait: false })) return await held(file, host);
  } catch (error) {
    await file.close();
    throw error;
  }
  await file.close();
  return undefined;
}

/** Whether somebody holds a lock now. For those who only look: it makes no file and keeps nobody waiting. */
export async function isLocked(host: Host, name: string): Promise<boolean> {
  let file: FileHandle;
  try {
    file = await openOwnFile(lockFileOf(host, name).file, 'read');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
  try {
    return !(await lockFile(file.fd, { shared: true, wait: false }));
  } finally {
    await file.close();
  }
}

/**
 * Locks that are given back together, the last first. Whoever makes something that has to keep them takes them along with
 * `move`; what goes wrong before that gives them back.
 */
export class HeldLocks implements AsyncDisposable {
  #locks: AsyncDisposable[] = [];

  /** Takes one more; see `acquireLock`. */
  async acquire(host: Host, name: string, options: LockOptions): Promise<void> {
    this.#locks.push(await acquireLock(host, name, options));
  }

  move(): HeldLocks {
    const moved = new HeldLocks();
    moved.#locks = this.#locks;
    this.#locks = [];
    return moved;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (let lock = this.#locks.pop(); lock; lock = this.#locks.pop()) await lock[Symbol.asyncDispose]();
  }
}
