import { constants } from 'node:os';
import { codeOf, PodmanBootcError } from './errors.js';

/** A failed call of the operating system, as Node reports it. */
interface SystemError extends Error {
  code: string;
  syscall: string;
  path?: string;
}

function isSystemError(error: unknown): error is SystemError {
  return error instanceof Error && codeOf(error) !== undefined && 'syscall' in error;
}

/**
 * Whether a quota is used up. libuv has no name for that: Node says "Unknown system error -122" in code and message
 * (seen on Node 20).
 */
function isOverQuota(error: unknown): boolean {
  return (
    codeOf(error) === 'EDQUOT' ||
    (error instanceof Error && 'errno' in error && error.errno === -constants.errno.EDQUOT)
  );
}

/** Whether a file could not be written for want of space. */
export function isOutOfSpace(error: unknown): boolean {
  return codeOf(error) === 'ENOSPC' || isOverQuota(error);
}

/**
 * Says in a sentence what the operating system refused, where the user can do something about it; any other error is
 * returned as it is.
 */
export function explainSystemError(error: unknown): unknown {
  if (!isSystemError(error)) return error;
  const { path, code } = error;
  const where = path === undefined ? '' : `: ${path}`;
  switch (isOverQuota(error) ? 'EDQUOT' : code) {
    case 'ENOSPC':
      return new PodmanBootcError('host', 'STORAGE_FULL', `There is no space left on the device${where}`, {
        remedy: 'Free some; `podman-bootc disk prune --all` removes the base disks that no VM needs',
        cause: error,
      });
    case 'EDQUOT':
      return new PodmanBootcError('host', 'STORAGE_FULL', `The quota of disk space is used up${where}`, {
        remedy: 'Free some; `podman-bootc disk prune --all` removes the base disks that no VM needs',
        cause: error,
      });
    case 'EROFS':
      return new PodmanBootcError('host', 'STORAGE_READ_ONLY', `The file system is read-only${where}`, {
        remedy: 'Mount it writable; XDG_DATA_HOME, XDG_CACHE_HOME and XDG_RUNTIME_DIR name other directories',
        cause: error,
      });
    case 'EACCES':
    case 'EPERM':
      return new PodmanBootcError(
        'host',
        'STORAGE_FORBIDDEN',
        `There is no permission to ${error.syscall}${where}`,
        {
          remedy: 'Give yourself the permission; files of root in your directories are a common cause',
          cause: error,
        },
      );
    case 'ENOENT':
      if (error.syscall !== 'uv_cwd') return error;
      return new PodmanBootcError(
        'usage',
        'WORKING_DIRECTORY_GONE',
        'The working directory was removed, and a path is given that begins there',
        { remedy: 'Go to a directory that is there (cd), or write the path from / on', cause: error },
      );
    case 'ELOOP':
      return unusablePath('There is a loop of symbolic links on the way to a file', where, error);
    case 'ENOTDIR':
      return unusablePath('There is something else than a directory on the way to a file', where, error);
    default:
      return error;
  }
}

function unusablePath(sentence: string, where: string, cause: unknown): PodmanBootcError {
  return new PodmanBootcError('host', 'PATH_UNUSABLE', sentence + where, {
    remedy: 'HOME, XDG_DATA_HOME, XDG_CACHE_HOME and XDG_RUNTIME_DIR name other directories',
    cause,
  });
}
