import { isOneOf } from '../../bootc/status.js';
import { setMetadataImage } from '../../domain/metadata.js';
import { hasDisk } from '../../domain/overlay.js';
import type { XmlElement } from '../../domain/xml.js';
import { DamagedRecord } from '../../durable-file.js';
import { PodmanBootcError } from '../../errors.js';
import { waitUntilReady } from '../boot/wait-for-login.js';
import { isOf } from '../files/kept-definition.js';
import type { VmDirectory } from '../files/vm-directory.js';
import type { Host } from '../host/host.js';
import { editRecord } from '../edit-record.js';
import { keepDefinition } from '../keep-definition.js';
import { startVirtualMachine } from '../power/start.js';
import {
  asVirtualMachine,
  consoleOf,
  ignoreNotRunning,
  isActiveState,
  lookupDomain,
  stateOf,
  vmReference,
  type VirtualMachine,
} from '../virtual-machine.js';
import { dropCheckpoint, keepCheckpoint, startAgain, undoCheckpoint } from './checkpoint.js';
import { isVerdict, judgeBoot, openGuest, powerCycle, type BootPatience, type Settled } from './judge.js';
import { endUpdate, readUpdate, writeUpdate, type UpdateJournal } from './journal.js';

/**
 * Boots a new version, and keeps it when that goes well; otherwise gives the VM back what it ran before.
 * @param boot boots it and waits for its verdict, with which it is rejected
 * @throws PodmanBootcError `UPDATE_UNDONE`, `UPDATE_FAILED`, `UPDATE_NOT_ARRIVED`; what else goes wrong leaves the update to the
 *   next command
 */
export async function settle(
  host: Host,
  vm: VirtualMachine,
  directory: VmDirectory,
  journal: UpdateJournal,
  patience: BootPatience,
  boot: () => Promise<Settled>,
): Promise<Settled> {
  let settled: Settled;
  try {
    settled = await boot();
  } catch (error) {
    if (!isVerdict(error)) {
      host.report.info(
        `The update of ${vm.name} goes on: \`podman-bootc start ${vmReference(vm)}\` finishes or undoes it`,
      );
      throw error;
    }
    return await giveUp(host, vm, directory, journal, error, patience);
  }
  return { ...settled, vm: await keepUpdate(host, settled.vm, directory, journal) };
}

/** @returns the VM as it is now recorded */
async function keepUpdate(
  host: Host,
  vm: VirtualMachine,
  directory: VmDirectory,
  journal: UpdateJournal,
): Promise<VirtualMachine> {
  await writeUpdate(directory, { ...journal, phase: 'keep' });
  await recordImage(vm, journal);
  await keepCheckpoint(host, vm, directory, journal);
  const current = await present(host, vm);
  await keepDefinition(host, current);
  return current;
}

/** Writes into the record which version the VM runs; in its definition, and in the VM that runs. */
async function recordImage(vm: VirtualMachine, { image }: UpdateJournal): Promise<void> {
  const updated = new Date().toISOString();
  const change = (record: XmlElement): void => {
    setMetadataImage(record, { ...image, updated });
  };
  await editRecord(vm, { config: true }, change);
  await editRecord(vm, { live: true }, change).catch(ignoreNotRunning);
}

async function giveUp(
  host: Host,
  vm: VirtualMachine,
  directory: VmDirectory,
  journal: UpdateJournal,
  error: PodmanBootcError,
  patience: BootPatience,
): Promise<never> {
  if (error.code === 'UPDATE_NOT_ARRIVED') {
    // It runs what it ran before, and has shut down in order: nothing is to be taken back.
    await dropCheckpoint(host, vm, directory, journal);
    throw error;
  }
  const cause = error.message;
  if (journal.keepFailed === true) {
    await writeUpdate(directory, { ...journal, phase: 'failed', cause });
    throw new PodmanBootcError(
      'update',
      'UPDATE_FAILED',
      `The update of ${vm.name} to ${journal.image.reference} has failed, and is left as it is: ${cause}`,
      {
        remedy: `\`podman-bootc rollback ${vmReference(vm)}\` gives it back what it ran before`,
        output: error.output,
        cause: error,
      },
    );
  }
  host.report.warn(`The update of ${vm.name} has failed: ${cause}`);
  host.report.info(`Giving ${vm.name} back what it ran before`);
  await undoUpdate(host, vm, directory, { ...journal, cause });
  const { vm: current } = await startAgain(() => startVirtualMachine(host, vm));
  await waitUntilReady(host, current, patience);
  throw undone(vm, journal, error);
}

/** Gives a VM back what it ran before. It does not run afterwards, if it had to be ended for that. */
export async function undoUpdate(
  host: Host,
  vm: VirtualMachine,
  directory: VmDirectory,
  journal: UpdateJournal,
): Promise<void> {
  await undoCheckpoint(host, vm, directory, journal);
  await consoleOf(host, vm)?.archiveFailed();
  await endUpdate(directory);
  await keepDefinition(host, vm);
}

function undone(vm: VirtualMachine, journal: UpdateJournal, error: PodmanBootcError): PodmanBootcError {
  return new PodmanBootcError(
    'update',
    'UPDATE_UNDONE',
    `The update of ${vm.name} to ${journal.image.reference} was undone, and it runs again what it ran before: ${error.message}`,
    {
      remedy: `What that wrote to its console: \`podman-bootc logs --boot failed ${vmReference(vm)}\`. Its disk is as it was at ${journal.since}`,
      output: error.output,
      cause: error,
    },
  );
}

/**
 * Finishes or undoes the step of an update in whose middle a podman-bootc was killed, if that needs no boot. The caller holds the
 * VM's lock.
 * @returns the update that is still to be finished; undefined without one
 */
export async function finishStep(
  host: Host,
  vm: VirtualMachine,
  directory: VmDirectory,
): Promise<UpdateJournal | undefined> {
  const journal = await readUpdate(directory);
  if (!journal || journal instanceof DamagedRecord || !isOf(host, journal)) return undefined;
  const isActive = isActiveState(await stateOf(vm));
  const isAbove = hasDisk(await vm.domain.getXml({ inactive: true }), journal.overlay);
  if (journal.phase === 'undo') {
    host.report.info(`Undoing the interrupted update of ${vm.name}`);
    await undoUpdate(host, vm, directory, journal);
    return undefined;
  }
  // Nothing was booted. One that was shut off since may have finalized what was staged.
  if (journal.phase === 'checkpoint' && (isActive || !isAbove)) {
    host.report.info(`Cleaning up after an interrupted update of ${vm.name}`);
    await dropCheckpoint(host, vm, directory, journal);
    return undefined;
  }
  if (journal.phase === 'keep' && (isActive || !isAbove)) {
    host.report.info(`Finishing the interrupted update of ${vm.name}`);
    await keepUpdate(host, vm, directory, journal);
    return undefined;
  }
  return journal;
}

/**
 * Finishes or undoes an update in whose middle a podman-bootc was killed, as it would have: boots the VM if it has to. The caller
 * holds the VM's lock.
 * @param o.undoFailed also undoes one that was left for somebody to look at; default false
 * @throws PodmanBootcError as `settle` does
 */
export async function finishUpdate(
  host: Host,
  vm: VirtualMachine,
  directory: VmDirectory,
  o: BootPatience & { undoFailed?: boolean } = {},
): Promise<Settled | undefined> {
  const journal = await finishStep(host, vm, directory);
  if (!journal) return undefined;
  if (journal.phase === 'failed') {
    if (o.undoFailed !== true) return undefined;
    await undoUpdate(host, vm, directory, journal);
    return undefined;
  }
  host.report.info(`Finishing the interrupted update of ${vm.name} to ${journal.image.reference}`);
  try {
    return await settle(host, vm, directory, journal, o, () => bootOn(host, vm, journal, o));
  } catch (error) {
    if (!(error instanceof PodmanBootcError) || error.code !== 'UPDATE_NOT_ARRIVED') throw error;
    host.report.warn(error.message);
    return undefined;
  }
}

/** Goes on where the boot of a new version was interrupted: the guest may not even have been told to go down. */
async function bootOn(
  host: Host,
  vm: VirtualMachine,
  journal: UpdateJournal,
  patience: BootPatience,
): Promise<Settled> {
  const start = (): ReturnType<typeof startVirtualMachine> => startAgain(() => startVirtualMachine(host, vm));
  const { vm: first, started } = await start();
  let current = first;
  if (journal.phase === 'keep') return { vm: current, failedUnits: [] };
  if (!started) {
    try {
      if (await isStillStaged(host, current, journal, patience))
        return await powerCycle(host, current, journal, patience);
    } catch (error) {
      if (!isVerdict(error) || isActiveState(await stateOf(current))) throw error;
      // It was on its way down, and what that was for is still to come.
      current = (await start()).vm;
    }
  }
  return { vm: current, failedUnits: await judgeBoot(host, current, journal, patience) };
}

/** Whether a guest that is up has a new version before it. */
async function isStillStaged(
  host: Host,
  vm: VirtualMachine,
  { digests }: UpdateJournal,
  patience: BootPatience,
): Promise<boolean> {
  await waitUntilReady(host, vm, patience);
  using guest = await openGuest(host, vm, patience.signal);
  const { staged, rollback, rollbackQueued } = await guest.bootc.status(patience.signal);
  return isOneOf(staged, digests) || (rollbackQueued && isOneOf(rollback, digests));
}

/** A VM as libvirt has it now. */
async function present(host: Host, vm: VirtualMachine): Promise<VirtualMachine> {
  const domain = await lookupDomain(host, { uuid: vm.uuid });
  return (domain && (await asVirtualMachine(domain))) ?? vm;
}
