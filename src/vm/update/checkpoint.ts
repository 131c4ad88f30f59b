import { copyFile, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { findDisk, hasDisk, overlaySnapshotXml, withDisk, type DomainDisk } from '../../domain/overlay.js';
import { syncFile } from '../../durable-file.js';
import { codeOf, messageOf, PodmanBootcError } from '../../errors.js';
import { isLibvirtError, type Domain } from '../../libvirt/index.js';
import { isThere } from '../../paths.js';
import { showDisks } from '../disks/storage-pool.js';
import type { VmDirectory } from '../files/vm-directory.js';
import type { Host } from '../host/host.js';
import { ignoreNotRunning, isActiveState, stateOf, type VirtualMachine } from '../virtual-machine.js';
import { endUpdate, writeUpdate, type UpdateJournal } from './journal.js';

/*
 * The way back from an update, which asks nothing of the guest: an overlay above the VM's disk, and a copy of the firmware's
 * variables. libvirt's own snapshots cannot be reverted to by libvirt 9.0, and are not made where there is pflash.
 */

/** Milliseconds between two looks at the merge of an overlay. */
const mergeInterval = 100;
/** Milliseconds after which the guest is halted for the last part of a merge that does not end while it writes. */
const mergePatience = 60_000;
/** Milliseconds in which a start may fail, because the QEMU before has not yet let go of the disk. */
const lockPatience = 10_000;

/**
 * The disk that a checkpoint is made of: the one that the VM was made with.
 * @throws PodmanBootcError `UPDATE_DISK_UNKNOWN`
 */
export async function diskOf(vm: VirtualMachine): Promise<DomainDisk & { path: string }> {
  const path = vm.metadata.disk?.path;
  const disk = path === undefined ? undefined : findDisk(await vm.domain.getXml({ inactive: true }), path);
  if (disk && path !== undefined) return { path, ...disk };
  throw new PodmanBootcError(
    'usage',
    'UPDATE_DISK_UNKNOWN',
    `Expected the VM ${vm.name} to have the disk that it was made with (${String(path)}), and it has not`,
    { remedy: `Put it back with \`virsh edit ${vm.uuid}\`, or update the guest by \`bootc upgrade\` in it` },
  );
}

/**
 * Makes the way back of a VM that runs; its journal says `checkpoint` and, when that is done, `boot`.
 * @param what is to be booted then
 * @throws PodmanBootcError `CHECKPOINT_FAILED`, `UPDATE_DISK_UNKNOWN`; nothing has changed then
 */
export async function takeCheckpoint(
  host: Host,
  vm: VirtualMachine,
  directory: VmDirectory,
  what: Pick<UpdateJournal, 'image' | 'digests' | 'health' | 'keepFailed'> & { from: string | undefined },
): Promise<UpdateJournal> {
  const { from, ...others } = what;
  const made: UpdateJournal = {
    version: 1,
    uri: host.uri,
    phase: 'checkpoint',
    since: new Date().toISOString(),
    ...others,
    ...(from !== undefined && { from }),
    disk: await diskOf(vm),
    overlay: directory.updateOverlay,
    ...((await isThere(directory.nvram)) && { nvram: directory.nvram }),
  };
  await writeUpdate(directory, made);
  try {
    // One that an update before has left, whose journal was lost: the domain does not have it.
    await rm(made.overlay, { force: true });
    if (made.nvram !== undefined) {
      await copyFile(made.nvram, directory.nvramBefore);
      await syncFile(directory.nvramBefore);
    }
    await snapshot(host, vm, made);
  } catch (cause) {
    await dropCheckpoint(host, vm, directory, made);
    throw new PodmanBootcError(
      'update',
      'CHECKPOINT_FAILED',
      `libvirt could not put an overlay above the disk of ${vm.name}: ${messageOf(cause)}`,
      {
        remedy: `The update is staged in it, and comes with its next boot: \`podman-bootc restart ${vm.id}\``,
        cause,
      },
    );
  }
  const taken: UpdateJournal = { ...made, phase: 'boot' };
  await writeUpdate(directory, taken);
  return taken;
}

/** With what the guest's file systems hold back written, where its agent can see to that. */
async function snapshot(host: Host, { domain }: VirtualMachine, journal: UpdateJournal): Promise<void> {
  const xml = overlaySnapshotXml(
    await domain.getXml({ inactive: true }),
    journal.disk.target,
    journal.overlay,
  );
  const options = { diskOnly: true, noMetadata: true, atomic: true };
  try {
    await domain.createSnapshot(xml, { ...options, quiesce: true });
  } catch (error) {
    host.report.debug(`The guest's file systems are not frozen: ${messageOf(error)}`);
    await domain.createSnapshot(xml, options);
  }
}

/** Undoes a checkpoint that was being made: nothing has been booted from it. */
export async function dropCheckpoint(
  host: Host,
  vm: VirtualMachine,
  directory: VmDirectory,
  journal: UpdateJournal,
): Promise<void> {
  if (hasDisk(await vm.domain.getXml({ inactive: true }), journal.overlay)) {
    await merge(host, vm, journal);
  } else await removeOverlay(host, journal.overlay);
  await endUpdate(directory);
}

/**
 * Merges the overlay of an update that has proved itself into the disk, while the VM runs. Its journal says `keep`.
 * @throws PodmanBootcError `CHECKPOINT_FAILED`; what is left is an update in the phase `keep`
 */
export async function keepCheckpoint(
  host: Host,
  vm: VirtualMachine,
  directory: VmDirectory,
  journal: UpdateJournal,
): Promise<void> {
  try {
    await merge(host, vm, journal);
  } catch (cause) {
    if (cause instanceof PodmanBootcError) throw cause;
    throw new PodmanBootcError(
      'update',
      'CHECKPOINT_FAILED',
      `The overlay ${journal.overlay} of ${vm.name} could not be merged into its disk: ${messageOf(cause)}`,
      {
        remedy: `The VM runs, and keeps both files; the next \`podman-bootc start ${vm.id}\` tries again`,
        cause,
      },
    );
  }
  await endUpdate(directory);
}

/** Merges the overlay into the disk below, never further: that may be one that other VMs share. */
async function merge(
  host: Host,
  { domain }: VirtualMachine,
  { disk, overlay }: UpdateJournal,
): Promise<void> {
  const { target } = disk;
  const isAbove = async (): Promise<boolean> => hasDisk(await domain.getXml(), overlay);
  if (await isAbove()) {
    // Somebody who was killed may have begun it.
    if (!(await domain.getBlockJob(target)))
      await domain.blockCommit(target, { shallow: true, active: true });
    await pivot(domain, target, isAbove);
  }
  const definition = await domain.getXml({ inactive: true, secure: true });
  if (hasDisk(definition, overlay)) await host.connection.defineDomain(withDisk(definition, disk));
  await removeOverlay(host, overlay);
}

/** libvirt's storage pool is told, which may have seen it. */
async function removeOverlay(host: Host, overlay: string): Promise<void> {
  await rm(overlay, { force: true });
  await showDisks(host);
}

/** Lets the VM go on with the disk below as soon as that has all. */
async function pivot(domain: Domain, target: string, isAbove: () => Promise<boolean>): Promise<void> {
  const begin = performance.now();
  let isHalted = false;
  try {
    while (await isAbove()) {
      const job = await domain.getBlockJob(target);
      // "block copy still active": libvirt takes a job for ready a moment after it has done all (src/qemu/qemu_driver.c).
      if (job && job.current === job.end)
        await domain.abortBlockJob(target, { pivot: true }).catch(ignoreBusy);
      else if (!isHalted && performance.now() - begin > mergePatience) {
        await domain.suspend();
        isHalted = true;
      }
      await sleep(mergeInterval);
    }
  } finally {
    if (isHalted) await domain.resume();
  }
}

function ignoreBusy(error: unknown): void {
  if (
    !isLibvirtError(error, 'VIR_ERR_BLOCK_COPY_ACTIVE') &&
    !isLibvirtError(error, 'VIR_ERR_OPERATION_INVALID')
  )
    throw error;
}

/** Gives the VM back the disk and the firmware's variables that it had, and ends it for that. It is not started. */
export async function undoCheckpoint(
  host: Host,
  vm: VirtualMachine,
  directory: VmDirectory,
  journal: UpdateJournal,
): Promise<void> {
  await writeUpdate(directory, { ...journal, phase: 'undo' });
  const definition = await vm.domain.getXml({ inactive: true, secure: true });
  // The definition last: as long as it has the overlay, all of this is done again.
  if (hasDisk(definition, journal.overlay)) {
    if (isActiveState(await stateOf(vm))) await vm.domain.destroy().catch(ignoreNotRunning);
    if (journal.nvram !== undefined && (await isThere(directory.nvramBefore))) {
      // Into the file that is there: it has the owner that libvirt gave it.
      await copyFile(directory.nvramBefore, journal.nvram);
      await syncFile(journal.nvram);
    }
    await host.connection.defineDomain(withDisk(definition, journal.disk));
  }
  await removeOverlay(host, journal.overlay);
}

/**
 * Starts a VM that was ended a moment ago.
 * @param start tried again as long as QEMU says that somebody else has the disk
 */
export async function startAgain<T>(start: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + lockPatience;
  for (;;) {
    try {
      return await start();
    } catch (error) {
      const isLocked = codeOf(error) === 'START_FAILED' && messageOf(error).includes('"write" lock');
      if (!isLocked || performance.now() > deadline) throw error;
      await sleep(200);
    }
  }
}
