import { reasonOf } from '../../bootc/guest.js';
import { LiveGuest } from '../../bootc/live-guest.js';
import { isOneOf, type BootcStatus, type Deployment } from '../../bootc/status.js';
import { DamagedRecord } from '../../durable-file.js';
import { PodmanBootcError } from '../../errors.js';
import { layersOf } from '../../oci/layout.js';
import { option } from '../../option-text.js';
import type { PodmanEngine } from '../../podman/engine.js';
import { inspectImage } from '../../podman/images.js';
import type { GuestResult } from '../../ssh/connection.js';
import { reportTransfer } from '../../transfer.js';
import { loginWhenReady } from '../boot/login-when-ready.js';
import type { VmDirectory } from '../files/vm-directory.js';
import type { Host } from '../host/host.js';
import { startVirtualMachine } from '../power/start.js';
import { localDirectoryOf, requirePersistent, vmReference, type VirtualMachine } from '../virtual-machine.js';
import { diskOf, takeCheckpoint } from './checkpoint.js';
import { finishUpdate, settle } from './finish.js';
import { openGuest, powerCycle, type BootPatience, type OpenGuest, type Settled } from './judge.js';
import { readUpdate, type UpdateImage, type UpdateJournal } from './journal.js';
import { holdLayout } from './layouts.js';
import { softReboot } from './soft-reboot.js';
import { bringIn, transportsInto } from './transports.js';
import type { RebootWay } from './ways.js';
import { findVersion, type ImageVersion, type VersionOptions } from './version.js';

/** How a VM is updated. */
export interface UpgradeOptions extends VersionOptions, BootPatience {
  /**
   * `auto` (default): a soft reboot of the guest where it can, else a power cycle; `soft`, `hard`: just that; `none`: the new
   * version is staged, and comes with the next boot, from which there is no way back but bootc's own.
   */
  reboot?: RebootWay | undefined;
  /** A command line that has to succeed in the guest for the update to count as one. */
  health?: string | undefined;
  /** Leaves an update that failed as it is, for somebody to look at. */
  keepFailed?: boolean | undefined;
}

/** What became of an update. */
export interface UpgradeOutcome {
  /** `unchanged`: it runs that version already. */
  outcome: 'unchanged' | 'staged' | 'updated';
  vm: VirtualMachine;
  image: UpdateImage;
  /** How it came up. */
  way?: 'soft' | 'hard';
  /** Units that have failed and had not before. */
  newlyFailed: string[];
  /** Bytes that were moved into the guest. */
  transferred: number;
}

/** A version that is staged in a guest. */
interface Staged {
  digests: string[];
  before: BootcStatus;
  failedBefore: string[];
  /** How many soft reboots the guest has been through; undefined where it cannot do one into what is staged. */
  softReboots: number | undefined;
  deployment: Deployment | undefined;
  transferred: number;
}

/**
 * Brings a version of an image into a VM and boots it, with a way back. The caller holds the VM's lock.
 * @throws PodmanBootcError `UPDATE_UNDONE` when it did not come up and the VM runs again what it ran before, `UPDATE_FAILED` with
 *   `keepFailed`, `UPDATE_NOT_ARRIVED`, `UPDATE_STAGING_FAILED`, `UPDATE_NO_SOFT_REBOOT`, `CHECKPOINT_FAILED`, `VM_TRANSIENT`, those of
 *   `findVersion`, `holdLayout` and `waitUntilReady`
 */
export async function upgradeVirtualMachine(
  host: Host,
  vm: VirtualMachine,
  options: UpgradeOptions = {},
): Promise<UpgradeOutcome> {
  const { signal, reboot = 'auto' } = options;
  const directory = await requireUpdatable(host, vm);
  await finishUpdate(host, vm, directory, { ...options, undoFailed: true });
  const version = await findVersion(host, vm, options, signal);
  const { image } = version;
  const current = await bringUp(host, vm, options);
  const staged = await stageVersion(host, current, directory, version, options);
  const outcome = { vm: current, image, newlyFailed: [], transferred: staged?.transferred ?? 0 };
  if (!staged) return { outcome: 'unchanged', ...outcome };
  if (reboot === 'none') return { outcome: 'staged', ...outcome };
  if (reboot === 'soft' && staged.softReboots === undefined) throw noSoftReboot(current);

  const journal = await takeCheckpoint(host, current, directory, {
    image,
    digests: staged.digests,
    from: staged.before.booted?.digest,
    ...(options.health !== undefined && { health: options.health }),
    ...(options.keepFailed === true && { keepFailed: true }),
  });
  const settled = await settle(host, current, directory, journal, options, () =>
    bootStaged(host, current, journal, staged, options),
  );
  return {
    outcome: 'updated',
    ...outcome,
    ...settled,
    newlyFailed: settled.failedUnits.filter((unit) => !staged.failedBefore.includes(unit)),
  };
}

/**
 * Where the files of a VM are that can be updated.
 * @throws PodmanBootcError `VM_TRANSIENT`, `UPDATE_DISK_UNKNOWN`
 */
export async function requireUpdatable(host: Host, vm: VirtualMachine): Promise<VmDirectory> {
  await requirePersistent(vm, 'an update ends it, and it is gone then');
  const directory = localDirectoryOf(host, vm);
  if (!directory) {
    await diskOf(vm);
    throw new Error(`${vm.name} has no directory`);
  }
  const update = await readUpdate(directory);
  if (update instanceof DamagedRecord)
    host.report.warn(`${String(update)}: what became of an update before is not known`);
  return directory;
}

/** Starts a VM that does not run, and says so. */
export async function startFirst(
  host: Host,
  vm: VirtualMachine,
): Promise<{ vm: VirtualMachine; started: boolean }> {
  const start = await startVirtualMachine(host, vm);
  if (start.started) host.report.info(`${vm.name} was not running: booting it`);
  return start;
}

/** The VM with a guest that somebody can log in to. */
export async function bringUp(
  host: Host,
  vm: VirtualMachine,
  options: BootPatience,
): Promise<VirtualMachine> {
  const { vm: current } = await startFirst(host, vm);
  await loginWhenReady(host, current, options);
  return current;
}

/**
 * Has the guest fetch and stage a version.
 * @returns undefined when it runs that already
 */
async function stageVersion(
  host: Host,
  vm: VirtualMachine,
  directory: VmDirectory,
  version: ImageVersion,
  options: UpgradeOptions,
): Promise<Staged | undefined> {
  const { engine, image, repository } = version;
  const { signal } = options;
  using guest = await openGuest(host, vm, signal);
  const { bootc } = guest;
  const before = await bootc.status(signal);
  const digests = [...version.digests];
  const isWanted = (deployment: Deployment | undefined): boolean => isOneOf(deployment, digests);
  if (isWanted(before.booted)) {
    if (before.staged && !isWanted(before.staged))
      host.report.warn(
        `Another version is staged in ${vm.name}, and comes with its next boot: ${before.staged.reference ?? 'of an unknown image'}`,
      );
    await unqueueRollback(host, vm, guest, before, signal);
    return undefined;
  }
  host.report.info(`Bringing ${image.reference} into ${vm.name}`);
  host.report.progress?.({ type: 'stage', stage: 'image', detail: image.reference });
  await using layout = await holdLayout(host, engine, { repository, reference: image.reference }, signal);
  // An image that was pulled has compressed layers, and another manifest without.
  digests.push(layout.image.manifest.digest);
  if (isWanted(before.booted)) return undefined;
  let status = before;
  let transferred = 0;
  if (!isWanted(before.staged)) {
    const offer = {
      image: layout.image,
      reference: image.reference,
      repository,
      findKnown: () => layersInGuest(vm, engine, layout.image.directory, before, signal),
    };
    const recipient = {
      host,
      vm,
      directory,
      guest,
      signal,
      onMoved: (bytes: number) => {
        transferred += bytes;
      },
    };
    using _transfer = reportTransfer(host.report, 'install', () => Promise.resolve(transferred));
    const result = await bringIn(transportsInto(recipient), offer, recipient, (source) => {
      host.report.progress?.({ type: 'stage', stage: 'install', detail: 'bootc stages it in the guest' });
      return bootc.stage(source, before.reference, {
        signal,
        ...(options.quiet !== true && {
          onOutput: (chunk) => {
            host.report.output(chunk);
          },
        }),
      });
    });
    status = await bootc.status(signal);
    if (!isWanted(status.staged)) {
      // After a rollback it is there, and bootc finds nothing to do.
      if (isWanted(status.rollback)) await queueRollback(vm, guest, status, signal);
      else if (isNoNews(result, before.booted)) {
        host.report.info(`${image.reference} has the same files as what ${vm.name} runs`);
        return undefined;
      } else throw stagingFailed(vm, image, reasonOf(result), result.stderr);
    }
  }
  // The composefs backend merges what it sees in /etc when it finalizes (bootc 1.16, bootc_composefs/finalize.rs): what a live
  // update has put over it would count as the user's for ever.
  if (before.booted?.backend === 'composefs') await new LiveGuest(bootc).endEtcOverlay(signal);
  const count = await bootc.softReboots(signal);
  return {
    digests,
    before,
    failedBefore: await bootc.failedUnits(signal),
    softReboots: status.staged?.softRebootCapable === true ? count : undefined,
    deployment: status.staged,
    transferred,
  };
}

/**
 * Has bootc boot the version before next.
 * @throws PodmanBootcError `ROLLBACK_FAILED`
 */
export async function queueRollback(
  vm: VirtualMachine,
  { bootc }: OpenGuest,
  status: BootcStatus,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (!status.rollbackQueued) requireRolledBack(vm, await bootc.rollback(signal));
}

/** Takes back what a rollback that did not come to its boot has left: bootc's own command does it, when it is said again. */
async function unqueueRollback(
  host: Host,
  vm: VirtualMachine,
  { bootc }: OpenGuest,
  status: BootcStatus,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (!status.rollbackQueued) return;
  requireRolledBack(vm, await bootc.rollback(signal));
  host.report.info(`A rollback was queued in ${vm.name}; it is not any more`);
}

/** @throws PodmanBootcError `ROLLBACK_FAILED` */
function requireRolledBack(vm: VirtualMachine, result: GuestResult): void {
  if (result.exitCode === 0) return;
  throw new PodmanBootcError(
    'update',
    'ROLLBACK_FAILED',
    `bootc in ${vm.name} could not go back: ${reasonOf(result)}`,
    { output: result.stderr },
  );
}

/**
 * Whether bootc has found an image to be the one that is booted, under another digest of its manifest. Of the ostree backend that
 * is one of the same configuration, of composefs one of the same files.
 */
export function isNoNews({ stdout, stderr }: GuestResult, booted: Deployment | undefined): boolean {
  const same = /^No changes in \S+ => (sha256:[0-9a-f]{64})$/m.exec(stdout)?.[1];
  return (
    (same !== undefined && same === booted?.digest) ||
    stderr.includes('same fs-verity digest as the existing')
  );
}

/**
 * The layers of the versions that a guest has, as far as something is known of them. The record is taken at its word, whose digests
 * may be others than bootc's: where it is wrong, bootc asks for what it lacks.
 */
async function layersInGuest(
  { metadata }: VirtualMachine,
  engine: PodmanEngine,
  layout: string,
  { booted, staged, rollback }: BootcStatus,
  signal: AbortSignal | undefined,
): Promise<Set<string>> {
  const layers = new Set<string>();
  for (const [deployment, recorded] of [
    [booted, metadata.image],
    [staged, undefined],
    [rollback, metadata.previous],
  ] as const) {
    if (!deployment) continue;
    const { digest } = deployment;
    const known =
      (digest === undefined ? undefined : await layersOf(layout, digest)) ??
      (recorded && (await inspectImage(engine, recorded.id, signal))?.layers) ??
      [];
    for (const layer of known) layers.add(layer);
  }
  return layers;
}

/** Boots what is staged. */
async function bootStaged(
  host: Host,
  vm: VirtualMachine,
  journal: UpdateJournal,
  staged: Staged,
  options: UpgradeOptions,
): Promise<Settled> {
  const { softReboots, deployment } = staged;
  if (options.reboot !== 'hard' && softReboots !== undefined && deployment) {
    const failedUnits = await softReboot(host, vm, journal, { deployment, count: softReboots }, options);
    if (failedUnits) return { vm, way: 'soft', failedUnits };
    host.report.info(
      `The soft reboot did not lead to ${journal.image.reference}: ending and booting ${vm.name}`,
    );
  }
  return powerCycle(host, vm, journal, options);
}

function stagingFailed(
  vm: VirtualMachine,
  image: UpdateImage,
  reason: string,
  output: string,
): PodmanBootcError {
  return new PodmanBootcError(
    'update',
    'UPDATE_STAGING_FAILED',
    `bootc in ${vm.name} did not take ${image.reference}: ${reason}`,
    { remedy: `Nothing has changed; see how it stands: \`podman-bootc ssh ${vm.id} bootc status\``, output },
  );
}

function noSoftReboot(vm: VirtualMachine): PodmanBootcError {
  return new PodmanBootcError(
    'update',
    'UPDATE_NO_SOFT_REBOOT',
    `${vm.name} cannot be soft-rebooted into the new version: that takes systemd 254, bootc 1.7, and the kernel that runs`,
    {
      remedy: `It is staged; boot it with ${option('reboot', 'hard')}, or with \`podman-bootc restart ${vmReference(vm)}\``,
    },
  );
}
