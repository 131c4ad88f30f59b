import { filesystemElement, type VolumeDevice } from '../../domain/devices/filesystem.js';
import { readDomain, withVolumes } from '../../domain/edit.js';
import { volumeTag, volumeText, type Volume } from '../../domain/volumes.js';
import { buildXml } from '../../domain/xml.js';
import { messageOf } from '../../errors.js';
import { isLibvirtError } from '../../libvirt/index.js';
import { pause } from '../../pause.js';
import { runProcess } from '../../process.js';
import { quoteForShell, sshArguments } from '../../ssh/session.js';
import { volumeUnit, volumeUnitName, withVolumeLines } from '../guest/volume-units.js';
import {
  changedVolumes,
  chooseVolumeDevices,
  serveVolumes,
  settleVolumeCredential,
} from '../guest/volumes.js';
import type { Host } from '../host/host.js';
import { directoryOf, localDirectoryOf, loginTarget, type VirtualMachine } from '../virtual-machine.js';
import { VmDirectory } from '../files/vm-directory.js';
import type { VmChanges } from './set.js';

/** Milliseconds that a guest has for mounting or unmounting. */
const guestPatience = 90_000;
/** Milliseconds that it has for giving a device back. */
const detachPatience = 30_000;

/** What becomes of the volumes of a VM. */
export interface PlannedVolumes {
  /** All that it will have. */
  all: readonly VolumeDevice[];
  added: readonly VolumeDevice[];
  removed: readonly VolumeDevice[];
}

/**
 * Decides which volumes a VM will have. One that stays is served as before.
 * @throws PodmanBootcError `VOLUME_NOT_FOUND`, `VIRTIOFSD_NOT_FOUND`
 */
export async function planVolumes(
  host: Host,
  vm: VirtualMachine,
  { volumes = [], removeVolumes = [] }: VmChanges,
): Promise<PlannedVolumes> {
  // Not the record of the domain that runs, which may be of before an earlier change.
  const { volumes: present, metadata } = readDomain(await vm.domain.getXml({ inactive: true }));
  const wanted = changedVolumes(metadata?.volumes ?? [], volumes, removeVolumes);
  const isKept = (device: VolumeDevice): boolean =>
    wanted.some((volume) => volumeText(volume) === volumeText(device.volume));
  const kept = present.filter(isKept);
  const added = await chooseVolumeDevices(
    host,
    directoryOf(vm) ?? VmDirectory.of(host.directories, vm.uuid),
    wanted.filter((volume) => !kept.some((device) => volumeText(device.volume) === volumeText(volume))),
  );
  return { all: [...kept, ...added], added, removed: present.filter((device) => !isKept(device)) };
}

/** Puts them into the definition, and into the file from which the guest has them at its next start. */
export async function defineVolumes(
  host: Host,
  vm: VirtualMachine,
  definition: string,
  { all }: PlannedVolumes,
): Promise<void> {
  const volumes = all.map(({ volume }) => volume);
  const xml = withVolumes(definition, all, (text) => withVolumeLines(text, volumes));
  await host.connection.defineDomain(xml, { validate: true });
  const directory = localDirectoryOf(host, vm);
  if (directory) await settleVolumeCredential(directory, volumes);
}

/**
 * Unmounts and mounts in the running guest.
 * @returns false where something of it has to wait for the next start
 */
export async function changeLiveVolumes(
  host: Host,
  vm: VirtualMachine,
  { all, added, removed }: PlannedVolumes,
): Promise<boolean> {
  const volumes = all.map(({ volume }) => volume);
  const waiting = new Set<string>();
  // The innermost first.
  for (const device of [...removed].sort((a, b) => b.volume.guest.length - a.volume.guest.length))
    if (!(await detach(host, vm, device))) waiting.add(device.volume.guest);
  for (const device of [...added].sort((a, b) => a.volume.guest.length - b.volume.guest.length)) {
    const { guest } = device.volume;
    // Two devices of one tag could not be told apart.
    if (waiting.has(guest) || !(await attach(host, vm, device, volumes))) waiting.add(guest);
  }
  return waiting.size === 0;
}

async function attach(
  host: Host,
  vm: VirtualMachine,
  device: VolumeDevice,
  all: readonly Volume[],
): Promise<boolean> {
  const { volume } = device;
  const served = await serveVolumes(host, vm, [device]);
  try {
    await vm.domain.attachDevice(buildXml(filesystemElement(device)), { live: true });
  } catch (error) {
    for (const each of served) each.end();
    if (!isLibvirtError(error)) throw error;
    host.report.warn(`${volumeText(volume)} cannot be added while ${vm.name} runs: ${error.message}`);
    return false;
  }
  const name = volumeUnitName(volume);
  const unit = Buffer.from(volumeUnit(volume, all)).toString('base64');
  // A guest finds a device a moment after it has been plugged in.
  return inGuest(
    host,
    vm,
    `mkdir -p /run/systemd/system && echo ${unit} | base64 -d >/run/systemd/system/${name} && systemctl daemon-reload || exit 1; tries=0; until systemctl restart ${name}; do tries=$((tries + 1)); [ $tries -lt 20 ] || exit 1; sleep 1; systemctl reset-failed ${name}; done`,
    `${volumeText(volume)} is not mounted in ${vm.name}`,
  );
}

async function detach(host: Host, vm: VirtualMachine, device: VolumeDevice): Promise<boolean> {
  const { volume } = device;
  const name = volumeUnitName(volume);
  const isUnmounted = await inGuest(
    host,
    vm,
    `if grep -q '^${volumeTag(volume)} ' /proc/mounts; then umount ${quoteForShell(volume.guest)} || exit 1; fi; systemctl stop ${name} 2>/dev/null; rm -f /run/systemd/system/${name} && systemctl daemon-reload`,
    `${volumeText(volume)} is not unmounted in ${vm.name}`,
  );
  if (!isUnmounted) return false;
  try {
    await vm.domain.detachDevice(buildXml(filesystemElement(device)), { live: true });
  } catch (error) {
    if (!isLibvirtError(error)) throw error;
    host.report.warn(`${volumeText(volume)} cannot be taken away while ${vm.name} runs: ${error.message}`);
    return false;
  }
  const deadline = Date.now() + detachPatience;
  while ((await vm.domain.getXml()).includes(volumeTag(volume))) {
    if (Date.now() > deadline) return false;
    await pause(200, new AbortController().signal);
  }
  return true;
}

/** Runs a script of ours as root in the guest. */
async function inGuest(host: Host, vm: VirtualMachine, script: string, otherwise: string): Promise<boolean> {
  try {
    const target = loginTarget(host, vm);
    const command = `${target.user === 'root' ? '' : 'sudo -n '}sh -s`;
    const { exitCode, stderr } = await runProcess('ssh', sshArguments(target, [command]), {
      input: `${script}\n`,
      timeout: guestPatience,
    });
    if (exitCode === 0) return true;
    host.report.warn(
      `${otherwise}: ${exitCode === -1 ? `no answer within ${guestPatience / 1000} s` : (stderr.split('\n').at(-1) ?? '')}`,
    );
  } catch (error) {
    host.report.warn(`${otherwise}: ${messageOf(error)}`);
  }
  return false;
}
