import { DamagedRecord } from '../../durable-file.js';
import { PodmanBootcError } from '../../errors.js';
import type { Host } from '../host/host.js';
import type { VirtualMachine } from '../virtual-machine.js';
import { takeCheckpoint } from './checkpoint.js';
import { finishUpdate, settle } from './finish.js';
import { openGuest, powerCycle, type BootPatience } from './judge.js';
import { readUpdate, type UpdateImage } from './journal.js';
import { bringUp, queueRollback, requireUpdatable } from './upgrade.js';

/** What became of a rollback. */
export interface RollbackOutcome {
  vm: VirtualMachine;
  /** What it runs now; undefined where nothing says which image that is of. */
  image: UpdateImage | undefined;
}

/**
 * Boots what a VM ran before its last update: bootc's own rollback, with the way back of an update. An update that failed and was
 * left as it is, is undone. The caller holds the VM's lock.
 * @throws PodmanBootcError `UPDATE_NOTHING_BEFORE`, `ROLLBACK_FAILED` and those of `upgradeVirtualMachine`
 */
export async function rollbackVirtualMachine(
  host: Host,
  vm: VirtualMachine,
  options: BootPatience = {},
): Promise<RollbackOutcome> {
  const { signal } = options;
  const directory = await requireUpdatable(host, vm);
  const pending = await readUpdate(directory);
  const hadFailed =
    pending !== undefined && !(pending instanceof DamagedRecord) && pending.phase === 'failed';
  await finishUpdate(host, vm, directory, { ...options, undoFailed: true });
  const current = await bringUp(host, vm, options);
  const { image: present, previous } = current.metadata;
  if (hadFailed) return { vm: current, image: present };
  const recorded = previous ?? present;
  if (!recorded) throw unknownBefore(current);
  let before: { digest: string | undefined; booted: string | undefined };
  {
    using guest = await openGuest(host, current, signal);
    const status = await guest.bootc.status(signal);
    if (!status.rollback) throw nothingBefore(current);
    await queueRollback(current, guest, status, signal);
    before = { digest: status.rollback.digest, booted: status.booted?.digest };
  }
  const { digest } = before;
  const image = previous ?? { ...recorded, ...(digest !== undefined && { digest }) };
  const { reference, id } = image;
  const journal = await takeCheckpoint(host, current, directory, {
    image: { reference, id, ...(image.digest !== undefined && { digest: image.digest }) },
    digests: digest === undefined ? [] : [digest],
    from: before.booted,
  });
  const settled = await settle(host, current, directory, journal, options, () =>
    powerCycle(host, current, journal, options),
  );
  return { vm: settled.vm, image };
}

function unknownBefore(vm: VirtualMachine): PodmanBootcError {
  return new PodmanBootcError(
    'usage',
    'UPDATE_NOTHING_BEFORE',
    `${vm.name} was made of a disk, and podman-bootc has not updated it: which image it would go back to is not known`,
    {
      remedy: `Go back in the guest: \`podman-bootc ssh ${vm.id} bootc rollback\`, then \`podman-bootc restart ${vm.id}\``,
    },
  );
}

function nothingBefore(vm: VirtualMachine): PodmanBootcError {
  return new PodmanBootcError(
    'usage',
    'UPDATE_NOTHING_BEFORE',
    `${vm.name} has no version before the one that it runs`,
    { remedy: `bootc keeps the one before an update: \`podman-bootc ssh ${vm.id} bootc status\`` },
  );
}
