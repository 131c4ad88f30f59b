import { open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseHostCapabilities } from '../../domain/capabilities.js';
import { codeOf } from '../../errors.js';
import { ownUid } from '../../own-file.js';
import { isInstalled, runProcess } from '../../process.js';
import { mendDirectory } from './directories.js';
import type { Host } from './host.js';

/** Of a file that its owner, and only that one, reads. */
const forOwner = 0o400;
/** The same with its group, which has to be QEMU's. */
const forGroup = 0o440;
/** Of a file that QEMU reads as a user whose group we cannot give it to: our directories keep everybody else out. */
const forAll = 0o444;

/**
 * Makes a file of ours readable, but not writable, to its owner and libvirt's QEMU, and to nobody else: a disk holds the
 * guest's secrets. Its directory, where it is one of ours, is opened to QEMU, too. What is right already is not touched; what
 * is found with another mode, such as one of before or of a strange umask, is mended. libvirt itself may have given the
 * file to QEMU's user (`dynamic_ownership` in qemu.conf, which takes a disk's backing files, too, and never gives them
 * back): then it stays with that one.
 */
export async function allowQemuToRead(host: Host, file: string): Promise<void> {
  await mendDirectory(dirname(file), host.directories);
  const handle = await open(file, 'r').catch((error: unknown) => {
    // Somebody else's, whose affair it is, or gone, which others say better.
    if (!['EACCES', 'EPERM', 'ENOENT'].includes(codeOf(error) ?? '')) throw error;
  });
  if (!handle) return;
  try {
    const status = await handle.stat();
    const isRoot = ownUid() === 0;
    const mayChange = status.isFile() && (isRoot || status.uid === ownUid());
    // The common case asks nothing of libvirt: one that looks for QEMU anew at every question takes its time.
    const isRight = isRoot && status.gid !== 0 && (status.mode & 0o7777) === forGroup;
    if (!mayChange || isRight) return;
    const { qemuUser = ownUid(), qemuGroup } = host.features.runsQemuAsUs
      ? {}
      : parseHostCapabilities(await host.connection.getCapabilities());
    if (qemuUser === ownUid()) await handle.chmod(forOwner);
    else if (!isRoot || qemuGroup === undefined) await handle.chmod(forAll);
    else if (status.uid === 0 || status.uid === qemuUser) {
      await handle.chown(status.uid, qemuGroup);
      await handle.chmod(forGroup);
    }
  } finally {
    await handle.close();
  }
}

/**
 * Whether libvirt's QEMU can get at a file of the user's, whose owner and mode are not ours to change. Root tries it as QEMU's
 * user; others can only tell by modes, which is no when an access list or a group says yes.
 * @param access `reach`: that it is there, where libvirt gives the file itself to QEMU
 * @returns undefined where QEMU can, else who it runs as and whether that is certain
 */
export async function qemuIsKeptFrom(
  host: Host,
  path: string,
  access: 'read' | 'reach',
): Promise<{ user: number; isCertain: boolean } | undefined> {
  if (host.features.runsQemuAsUs) return undefined;
  const { qemuUser: user = ownUid(), qemuGroup: group } = parseHostCapabilities(
    await host.connection.getCapabilities(),
  );
  if (user === 0 || user === ownUid()) return undefined;
  if (ownUid() === 0 && (await isInstalled('setpriv'))) {
    const { exitCode, stderr } = await runProcess('setpriv', [
      ...[`--reuid=${user}`, '--init-groups', ...(group === undefined ? [] : [`--regid=${group}`])],
      ...['test', access === 'read' ? '-r' : '-e', path],
    ]);
    // test(1) is silent; what setpriv complains of (a user without an entry, say) tells nothing of the file.
    return exitCode === 0 ? undefined : { user, isCertain: exitCode === 1 && stderr === '' };
  }
  return (await isOpenToAll(path, access)) ? undefined : { user, isCertain: false };
}

async function isOpenToAll(path: string, access: 'read' | 'reach'): Promise<boolean> {
  if (access === 'read' && ((await stat(path)).mode & 0o004) === 0) return false;
  for (let directory = dirname(path); ; directory = dirname(directory)) {
    if (((await stat(directory)).mode & 0o001) === 0) return false;
    if (directory === dirname(directory)) return true;
  }
}
