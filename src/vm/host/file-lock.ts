import { setTimeout as sleep } from 'node:timers/promises';
import { argumentError, checkOptionalBoolean, checkOptions } from '../../libvirt/arguments.js';
import { call } from '../../libvirt/call.js';
import { translateNotLoaded } from './not-loaded.js';

/** Milliseconds between two tries: short at first, for locks that are held for an instant. */
const firstPause = 5;
const longestPause = 100;

/**
 * Locks an open file with flock(2), for this process or, when `shared`, together with others that share it.
 * The lock belongs to the open file: it ends when the file is closed, so also when the process dies in
 * whatever way.
 *
 * It waits by trying again. A thread blocked in flock(2) could not be called back, and would take the lock
 * some time after the caller had given up.
 * @returns false when somebody else holds it and `wait` is false
 */
export async function lockFile(
  fd: number,
  options: {
    shared?: boolean | undefined;
    /** Default true. */
    wait?: boolean | undefined;
    signal?: AbortSignal | undefined;
  } = {},
): Promise<boolean> {
  checkDescriptor(fd);
  checkOptions(options);
  const { shared, wait, signal } = options;
  checkOptionalBoolean('shared', shared);
  checkOptionalBoolean('wait', wait);
  for (let pause = firstPause; ; pause = Math.min(pause * 2, longestPause)) {
    signal?.throwIfAborted();
    const locked = await flock(fd, shared ? 'shared' : 'exclusive');
    if (signal?.aborted) {
      if (locked) await unlockFile(fd);
      throw signal.reason;
    }
    if (locked) return true;
    if (wait === false) return false;
    // Rejects with an AbortError when aborted, but we promise the signal's reason.
    await sleep(pause, undefined, signal && { signal }).catch(() => undefined);
  }
}

/** Gives up a lock without closing the file. */
export async function unlockFile(fd: number): Promise<void> {
  checkDescriptor(fd);
  await flock(fd, 'unlock');
}

async function flock(fd: number, operation: 'shared' | 'exclusive' | 'unlock'): Promise<boolean> {
  try {
    return await call({}, (addon) => addon.flock(fd, operation));
  } catch (error) {
    throw translateNotLoaded(error);
  }
}

function checkDescriptor(fd: unknown): void {
  if (typeof fd !== 'number' || !Number.isInteger(fd) || fd < 0 || fd > 0x7fff_ffff)
    throw argumentError('fd', 'a file descriptor', fd);
}
