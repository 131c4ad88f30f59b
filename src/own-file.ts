import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { codeOf, PodmanBootcError } from './errors.js';

/** This process's user, as which it makes files. */
export function ownUid(): number {
  return process.geteuid?.() ?? 0;
}

const kinds = {
  read: constants.O_RDONLY,
  append: constants.O_RDWR | constants.O_APPEND | constants.O_CREAT,
};

/**
 * Opens a file that only this user writes to, wherever it lies: in a directory that others may write to, a link, a pipe or
 * a file of theirs may stand in its place. Nothing is followed, waited for or changed before it is known to be ours.
 * @param access `append` makes it, for this user alone, where there is none; it can then be read, too
 * @throws PodmanBootcError `FILE_NOT_OURS`; `ENOENT` and the like as they come
 */
export async function openOwnFile(path: string, access: keyof typeof kinds): Promise<FileHandle> {
  let file: FileHandle;
  try {
    file = await open(path, kinds[access] | constants.O_NOFOLLOW | constants.O_NONBLOCK, 0o600);
  } catch (error) {
    const kind = inTheWay[codeOf(error) ?? ''];
    throw kind === undefined ? error : notOurs(path, kind, error);
  }
  try {
    const status = await file.stat();
    const { uid, mode, nlink } = status;
    if (!status.isFile()) throw notOurs(path, 'a pipe, a directory or a device');
    if (uid !== ownUid()) throw notOurs(path, `a file of another user (uid ${uid})`);
    // A second name of a file of ours somewhere else, which somebody gave it.
    if (nlink > 1) throw notOurs(path, 'a file that has other names');
    if (access === 'append' && (mode & 0o777) !== 0o600) await file.chmod(0o600);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** What open(2) says where something else stands: a link that is not to be followed, a directory, a socket. */
const inTheWay: Readonly<Record<string, string>> = {
  ELOOP: 'a symbolic link',
  EISDIR: 'a directory',
  ENXIO: 'a socket or device',
};

function notOurs(path: string, got: string, cause?: unknown): PodmanBootcError {
  return new PodmanBootcError(
    'host',
    'FILE_NOT_OURS',
    `Expected ${path} to be a regular file of this user (uid ${ownUid()}), got ${got}`,
    { remedy: 'Find out who put it there, and remove it', cause },
  );
}
