import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { pipeline } from 'node:stream/promises';
import { updateDiskElement } from '../../domain/devices/disk.js';
import { findDisk, freeDiskTarget } from '../../domain/overlay.js';
import { buildXml } from '../../domain/xml.js';
import { messageOf } from '../../errors.js';
import { isLibvirtError } from '../../libvirt/index.js';
import { readArchive, type Archive } from '../../oci/archive.js';
import type { VmDirectory } from '../files/vm-directory.js';
import type { Host } from '../host/host.js';
import { isActiveState, stateOf, type VirtualMachine } from '../virtual-machine.js';

/*
 * An archive as a disk that is plugged into a VM that runs. There is no file system on it: nothing has to be made or mounted,
 * and a guest that still reads it keeps nobody from taking it away. The file is the journal: where it is, the disk may be
 * plugged in; the definition never has it.
 */

/** Milliseconds that a guest has for giving the disk back. */
const usualPatience = 30_000;

/**
 * Plugs an archive in.
 * @returns the disk's serial, by which the guest finds it
 * @throws what writing a file does, and LibvirtError; the caller removes the disk all the same
 */
export async function plugUpdateDisk(
  vm: VirtualMachine,
  directory: VmDirectory,
  archive: Archive,
  signal?: AbortSignal,
): Promise<string> {
  const path = directory.updateDisk;
  await pipeline(readArchive(archive), createWriteStream(path, { flags: 'wx', mode: 0o600 }), { signal });
  const serial = `podman-bootc-${randomBytes(4).toString('hex').slice(0, 7)}`;
  const target = freeDiskTarget(await vm.domain.getXml());
  await vm.domain.attachDevice(buildXml(updateDiskElement({ path, target, serial })), { live: true });
  return serial;
}

/**
 * Takes the disk away, and its file. The caller holds the VM's lock. What does not work now is done by the next command.
 * @param patience milliseconds that the guest has for it
 */
export async function removeUpdateDisk(
  host: Host,
  vm: VirtualMachine,
  directory: VmDirectory,
  patience = usualPatience,
): Promise<void> {
  const path = directory.updateDisk;
  const deadline = performance.now() + patience;
  let problem = 'the guest does not let go of it';
  while (isActiveState(await stateOf(vm))) {
    const disk = findDisk(await vm.domain.getXml(), path);
    if (!disk) break;
    if (performance.now() > deadline) {
      host.report.warn(
        `The disk ${path} of ${vm.name} stays until the VM is shut off, or the next command for it: ${problem}`,
      );
      return;
    }
    try {
      // Again and again: a guest does not hear it while it boots.
      await vm.domain.detachDevice(disk.xml, { live: true });
    } catch (error) {
      if (!isLibvirtError(error)) throw error;
      problem = messageOf(error);
    }
    await sleep(200);
  }
  await rm(path, { force: true });
}
