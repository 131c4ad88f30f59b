import { checkDiskFits } from '../../bootc/disk-size.js';
import { buildDomain } from '../../domain/build.js';
import { messageOf, PodmanBootcError } from '../../errors.js';
import type { Domain } from '../../libvirt/index.js';
import { removeVirtualMachine } from '../change/remove.js';
import { markBase } from '../disks/base-users.js';
import { discardFiles } from '../disks/discard.js';
import { recoverDirectory } from '../disks/recover.js';
import { showDisks } from '../disks/storage-pool.js';
import { makeDiskOf, makeVmDisk, type VmDisk } from '../disks/vm-disk.js';
import { VmDirectory, type Journal } from '../files/vm-directory.js';
import { makeCloudInitIso } from '../guest/cloud-init.js';
import { preparePassword } from '../guest/password.js';
import { unclaimedPort } from '../guest/port-space.js';
import type { Host } from '../host/host.js';
import { acquireLock } from '../host/lock.js';
import type { Identity } from '../identity.js';
import { keepDefinition } from '../keep-definition.js';
import { requireNothingThere } from '../left-behind.js';
import { startTransient } from '../power/start.js';
import { asVirtualMachine, lookupDomain, type VirtualMachine } from '../virtual-machine.js';
import { describeVirtualMachine } from './describe.js';
import { holdBase } from './install.js';
import { makeLogin } from './login.js';
import type { VmPlan } from './plan.js';

/**
 * Makes a VM: a disk from the base disk of its image, which is installed if there is none yet, or from the user's; keys and
 * credentials; the domain. The caller holds the VM's lock. The domain is defined last, so a VM is either complete or, by its journal,
 * known not to be. A transient one keeps its journal, and a domain that runs takes the place of the definition.
 */
export async function makeVirtualMachine(
  host: Host,
  plan: VmPlan,
  signal?: AbortSignal,
): Promise<VirtualMachine> {
  const { identity, directory } = plan;
  if (plan.replaces) {
    if (!plan.disk) {
      // With the base disk there, nothing that takes long or often fails is left to do.
      await using _base = await holdBase(host, plan, signal);
    }
    await removeReplaced(host, plan.replaces, identity);
  }
  await requireNothingThere(host, identity.uuid);
  await directory.claim(host.directories, journalOf(host, plan), plan.format);
  try {
    const disk = await makeDisk(host, plan, signal);
    host.report.progress?.({ type: 'stage', stage: 'define', detail: identity.name });
    const publicCredential = await makeFiles(plan);
    return await define(host, plan, disk, publicCredential, signal);
  } catch (error) {
    // Without a domain there is no VM; with one (only removing the journal can have failed) there is. When libvirt
    // cannot be asked, the journal is left for the next command, which can.
    const isUndefined = await lookupDomain(host, { uuid: identity.uuid }).then(
      (domain) => domain === undefined,
      () => false,
    );
    if (isUndefined) await discardFiles(host, directory);
    throw error;
  }
}

function journalOf(host: Host, plan: VmPlan): Journal {
  const { identity, options } = plan;
  return {
    operation: options.transient ? 'transient' : 'create',
    uri: host.uri,
    name: identity.name,
    image: plan.disk ? plan.disk.path : plan.reference,
    since: new Date().toISOString(),
    ...(!plan.disk && { base: plan.base }),
  };
}

/** The caller holds the lock of the new VM, which may be that of the old one. */
async function removeReplaced(host: Host, vm: VirtualMachine, { uuid }: Identity): Promise<void> {
  await using _lock =
    vm.uuid === uuid ? undefined : await acquireLock(host, vm.uuid, { what: `the VM ${vm.name}` });
  if (!(await lookupDomain(host, { uuid: vm.uuid }))) {
    // A transient one leaves its files to whoever comes next.
    await recoverDirectory(host, vm.uuid, VmDirectory.of(host.directories, vm.uuid));
    return;
  }
  await removeVirtualMachine(host, vm, { force: true });
  host.report.info(`Removed ${vm.name}, which is made anew`);
}

async function makeDisk(host: Host, plan: VmPlan, signal: AbortSignal | undefined): Promise<VmDisk> {
  const { identity, directory, diskSize: size, options } = plan;
  if (plan.disk) {
    const inPlace = options.inPlace === true;
    if (!inPlace) await checkDiskFits(directory.disk('qcow2'), size);
    return await makeDiskOf(host, plan.disk, directory, { inPlace, size });
  }
  const { format } = plan;
  await checkDiskFits(directory.disk('qcow2'), size);
  await using base = await holdBase(host, plan, signal);
  if (format === 'qcow2')
    await markBase(host, base.key, { ...identity, directory, disk: directory.disk(format) });
  return await makeVmDisk(host, base, directory, format, size);
}

/** Makes what lies beside the disk. @returns the credential that goes into the domain; see `makeLogin` */
async function makeFiles(plan: VmPlan): Promise<string> {
  const { directory, files } = plan;
  if (files.cloudInit !== undefined) await makeCloudInitIso(files.cloudInit, directory.cloudInitIso);
  const publicCredential = await makeLogin(plan);
  if (files.passwordFile !== undefined) await preparePassword(directory, files.passwordFile);
  return publicCredential;
}

async function define(
  host: Host,
  plan: VmPlan,
  disk: VmDisk,
  publicCredential: string,
  signal: AbortSignal | undefined,
): Promise<VirtualMachine> {
  const { identity, directory, options } = plan;
  // Until the domain is defined nobody else can see which port it has.
  await using _ports = await acquireLock(host, 'ports', {
    what: 'the ports of a new VM',
    signal,
    brief: true,
  });
  const sshPort = await unclaimedPort(host, plan.requirements.ports);
  const created = new Date().toISOString();
  const xml = buildDomain(describeVirtualMachine(plan, { disk, sshPort, publicCredential, created }));
  await showDisks(host);
  signal?.throwIfAborted();
  host.report.debug(`${options.transient ? 'Starting' : 'Defining'} ${identity.name}:\n${xml}`);
  const domain = options.transient
    ? await startTransient(host, identity, xml)
    : await defineDomain(host, identity, xml);
  const made = await asVirtualMachine(domain);
  if (!made) throw new Error(`libvirt dropped the metadata of ${identity.name}`);
  await keepDefinition(host, made);
  if (!options.transient) await directory.removeJournal();
  return made;
}

async function defineDomain(host: Host, identity: Identity, xml: string): Promise<Domain> {
  try {
    return await host.connection.defineDomain(xml, { validate: true });
  } catch (cause) {
    throw new PodmanBootcError(
      'define',
      'DEFINE_FAILED',
      `libvirt (${host.uri}) refused the domain ${identity.name}: ${messageOf(cause)}`,
      {
        remedy: '`--log-level debug` shows its XML',
        cause,
      },
    );
  }
}
