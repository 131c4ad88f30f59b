import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseHostCapabilities } from '../../domain/capabilities.js';
import { codeOf } from '../../errors.js';
import { ownUid } from '../../own-file.js';
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
