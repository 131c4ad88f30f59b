import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { lockFile } from '../file-lock.js';
import { makeDirectory } from './directories.js';
import type { Host } from './host.js';

/**
 * Takes an exclusive lock by flock(2), which the kernel gives back when the process ends, however it ends.
 * The file stays: deleting it would let two processes hold "the" lock.
 * @param name what is locked: a VM's uuid or `name-NAME`
 */
async function openLock(
  host: Host,
  name: string,
  wait: boolean,
  signal?: AbortSignal,
): Promise<AsyncDisposable | undefined> {
  const directory = join(host.directories.runtime, 'locks');
  await makeDirectory(directory, host.directories);
  const file = await open(join(directory, `${name}.lock`), 'a', 0o600);
  try {
    if (!(await lockFile(file.fd, { wait: false }))) {
      if (!wait) {
        await file.close();
        return undefined;
      }
      host.report.info(`Waiting for another podman-bootc that works on ${name.replace(/^name-/, '')}`);
      await lockFile(file.fd, { wait: true, ...(signal && { signal }) });
    }
  } catch (error) {
    await file.close();
    throw error;
  }
  return { [Symbol.asyncDispose]: () => file.close() };
}

/** Takes a lock, waiting for whoever holds it. */
export async function acquireLock(host: Host, name: string, signal?: AbortSignal): Promise<AsyncDisposable> {
  const lock = await openLock(host, name, true, signal);
  if (lock === undefined) throw new Error(`lock ${name} was not granted`);
  return lock;
}

/** Takes a lock if nobody holds it; else undefined, at once. */
export function tryLock(host: Host, name: string): Promise<AsyncDisposable | undefined> {
  return openLock(host, name, false);
}
