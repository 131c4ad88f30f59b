import { checkLabel, labelsOf, replaceLabels, type Labels } from '../../domain/labels.js';
import { splitName } from '../../domain/namespace.js';
import { checkVolumesDistinct, type Volume } from '../../domain/volumes.js';
import { messageOf, PodmanBootcError } from '../../errors.js';
import { option } from '../../option-text.js';
import { isLibvirtError } from '../../libvirt/index.js';
import { checkVolumes } from '../guest/volumes.js';
import { requireFeatures, type Host } from '../host/host.js';
import { editRecord } from '../edit-record.js';
import { keepDefinition } from '../keep-definition.js';
import { checkCount, checkMemory } from '../option-values.js';
import { changeLiveVolumes, defineVolumes, planVolumes, type PlannedVolumes } from './volumes.js';
import {
  ignoreNotRunning,
  isActiveState,
  requirePersistent,
  settledState,
  type VirtualMachine,
} from '../virtual-machine.js';

/** What may be changed of a VM; what is absent stays. */
export interface VmChanges {
  cpus?: number | undefined;
  /** Bytes. */
  memory?: number | undefined;
  /** Labels to add, or to give another value. */
  labels?: Labels | undefined;
  /** Names of labels to take away. */
  removeLabels?: readonly string[] | undefined;
  /** Volumes to add, or to put in the place of those at the same path. */
  volumes?: readonly Volume[] | undefined;
  /** Paths in the VM of volumes to take away. */
  removeVolumes?: readonly string[] | undefined;
  /** Whether it starts with libvirt. */
  autostart?: boolean | undefined;
}

/** When a change comes into effect. */
export type Effect = 'now' | 'at next start';

/** A change that was made. */
export interface AppliedChange {
  what: 'cpus' | 'memory' | 'labels' | 'volumes' | 'autostart';
  effect: Effect;
}

/**
 * Changes a VM by libvirt's calls for just that, so that whatever else somebody has changed in its domain stays. All of
 * it goes into the definition or none; then into the running VM what libvirt takes. The caller holds the VM's lock.
 * @throws PodmanBootcError `COUNT_INVALID`, `MEMORY_INVALID`, `LABEL_INVALID`, `VOLUME_INVALID`, `VOLUME_CONFLICT`,
 * `VOLUME_MISSING`, `VOLUME_NOT_FOUND`, `VIRTIOFSD_NOT_FOUND`, `LIBVIRT_REMOTE`, `VM_TRANSIENT`, `SET_FAILED`
 */
export async function setVirtualMachine(
  host: Host,
  vm: VirtualMachine,
  changes: VmChanges,
): Promise<AppliedChange[]> {
  if (changes.cpus !== undefined) checkCount(changes.cpus, option('cpus'));
  if (changes.memory !== undefined) checkMemory(changes.memory, option('memory'));
  for (const label of Object.entries(changes.labels ?? {})) checkLabel(...label);
  if (changesVolumes(changes)) requireFeatures(host, 'set --volume');
  await checkVolumes(changes.volumes ?? []);
  checkVolumesDistinct(changes.volumes ?? []);
  await requirePersistent(vm, 'it has no definition that could be changed');
  const volumes = changesVolumes(changes) ? await planVolumes(host, vm, changes) : undefined;
  await define(host, vm, changes, volumes);
  await keepDefinition(host, vm);
  const isActive = isActiveState(await settledState(vm.domain));
  const applied: AppliedChange[] = [];
  const note = (what: AppliedChange['what'], isNow: boolean): void => {
    applied.push({ what, effect: isNow ? 'now' : 'at next start' });
  };
  if (changes.cpus !== undefined) note('cpus', isActive && (await plugCpus(host, vm, changes.cpus)));
  if (changes.memory !== undefined) note('memory', isActive && (await inflate(host, vm, changes.memory)));
  if (changesLabels(changes)) {
    if (isActive) await setLabels(vm, changes, { live: true }).catch(ignoreNotRunning);
    note('labels', true);
  }
  if (volumes) note('volumes', isActive && (await changeLiveVolumes(host, vm, volumes)));
  if (changes.autostart !== undefined) note('autostart', true);
  return applied;
}

/** Changes the definition; puts the old one back when libvirt refuses a part. */
async function define(
  host: Host,
  vm: VirtualMachine,
  changes: VmChanges,
  volumes: PlannedVolumes | undefined,
): Promise<void> {
  const { domain } = vm;
  const before = await domain.getXml({ inactive: true, secure: true });
  try {
    if (volumes) await defineVolumes(host, vm, before, volumes);
    if (changes.cpus !== undefined) {
      const maximum = await domain.getVcpus({ config: true, maximum: true });
      if (changes.cpus > maximum) await domain.setVcpus(changes.cpus, { config: true, maximum: true });
      await domain.setVcpus(changes.cpus, { config: true });
    }
    if (changes.memory !== undefined) {
      await domain.setMemory(kibibytes(changes.memory), { config: true, maximum: true });
      await domain.setMemory(kibibytes(changes.memory), { config: true });
    }
    if (changesLabels(changes)) await setLabels(vm, changes, { config: true });
    if (changes.autostart !== undefined) await domain.setAutostart(changes.autostart);
  } catch (cause) {
    await host.connection.defineDomain(before);
    throw new PodmanBootcError(
      'define',
      'SET_FAILED',
      `libvirt refused to change ${vm.name}: ${messageOf(cause)}`,
      { remedy: 'Nothing of it was changed', cause },
    );
  }
}

function changesVolumes({ volumes, removeVolumes }: VmChanges): boolean {
  return volumes !== undefined || removeVolumes !== undefined;
}

function changesLabels({ labels, removeLabels }: VmChanges): boolean {
  return labels !== undefined || removeLabels !== undefined;
}

async function setLabels(
  vm: VirtualMachine,
  { labels = {}, removeLabels = [] }: VmChanges,
  which: { live: true } | { config: true },
): Promise<void> {
  const isThere = await editRecord(vm, which, (record) => {
    const { prefix } = splitName(record.name);
    const all = Object.entries({ ...labelsOf(record, prefix), ...labels });
    replaceLabels(record, Object.fromEntries(all.filter(([name]) => !removeLabels.includes(name))), prefix);
  });
  if (!isThere) throw new Error('it has lost its podman-bootc metadata');
}

async function plugCpus(host: Host, { domain }: VirtualMachine, cpus: number): Promise<boolean> {
  try {
    if ((await domain.getVcpus({ live: true })) !== cpus) await domain.setVcpus(cpus, { live: true });
    return true;
  } catch (error) {
    return atNextStart(host, error);
  }
}

async function inflate(host: Host, { domain }: VirtualMachine, memory: number): Promise<boolean> {
  try {
    await domain.setMemory(kibibytes(memory), { live: true });
    return true;
  } catch (error) {
    return atNextStart(host, error);
  }
}

/** That a running VM does not take a change is no failure: its definition has it. */
function atNextStart(host: Host, error: unknown): false {
  if (!isLibvirtError(error)) throw error;
  host.report.debug(`Not now: ${error.message}`);
  return false;
}

function kibibytes(bytes: number): number {
  return Math.ceil(bytes / 1024);
}
