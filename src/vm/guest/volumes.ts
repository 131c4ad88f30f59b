import { createHash } from 'node:crypto';
import { readFile, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { DomainDescription } from '../../domain/edit.js';
import type { VolumeDevice } from '../../domain/devices/filesystem.js';
import { checkVolume, volumeText, type Volume } from '../../domain/volumes.js';
import { writeDurably } from '../../durable-file.js';
import { PodmanBootcError } from '../../errors.js';
import { option } from '../../option-text.js';
import { isMissing, longestSocketPath } from '../../paths.js';
import { isInstalled } from '../../process.js';
import type { VmDirectory } from '../files/vm-directory.js';
import type { Host } from '../host/host.js';
import { requireVirtiofsd, serveDirectory, virtiofsdLog, type WaitingVirtiofsd } from '../host/virtiofsd.js';
import { withVolumeLines } from './volume-units.js';

/**
 * Checks volumes, and that their directories are there.
 * @throws PodmanBootcError `VOLUME_INVALID`, `VOLUME_MISSING`
 */
export async function checkVolumes(volumes: readonly Volume[]): Promise<void> {
  for (const volume of volumes) {
    checkVolume(volume);
    await requireDirectory(volume, 'Make the directory, or name another one');
  }
}

/**
 * Makes sure that the directories of a VM that is about to start are there.
 * @throws PodmanBootcError `VOLUME_MISSING`
 */
export async function requireVolumes(vm: string, volumes: readonly Volume[]): Promise<void> {
  for (const volume of volumes) {
    await requireDirectory(
      volume,
      `Put it back, or start the VM without it: podman-bootc set --rm-volume ${volume.guest} ${vm}`,
    );
  }
}

async function requireDirectory(volume: Volume, remedy: string): Promise<void> {
  const what = await stat(volume.host).then(
    (status) => (status.isDirectory() ? undefined : 'is not a directory'),
    (error: unknown) => (isMissing(error) ? 'is not there' : 'cannot be looked at'),
  );
  if (what === undefined) return;
  throw new PodmanBootcError(
    'host',
    'VOLUME_MISSING',
    `The directory ${volume.host} of the volume ${volumeText(volume)} ${what}`,
    { remedy },
  );
}

/** libvirt's version from which on a user's session starts virtiofsd itself, and any libvirt one that only reads. */
const managesAll = 11_000_000;

/**
 * Who serves volumes: libvirt where it does, else a virtiofsd of ours on a socket in the VM's directory. libvirt 9.0 refuses
 * virtiofs in a user's session and `<readonly>` everywhere; 11.3 takes both (tried), and needs newuidmap in a session.
 * @throws PodmanBootcError `VIRTIOFSD_NOT_FOUND`, `SOCKET_PATH_TOO_LONG`
 */
export async function chooseVolumeDevices(
  host: Host,
  directory: VmDirectory,
  volumes: readonly Volume[],
): Promise<VolumeDevice[]> {
  if (volumes.length === 0) return [];
  await requireVirtiofsd();
  const isNew = (await host.connection.getLibraryVersion()) >= managesAll;
  const manages = host.features.runsQemuAsUs ? isNew && (await isInstalled('newuidmap')) : true;
  return volumes.map((volume) =>
    manages && (isNew || !volume.readOnly) ? { volume } : { volume, socket: socketOf(directory, volume) },
  );
}

/** As short as the guest agent's, so that it fits where that does. */
function socketOf({ path }: VmDirectory, { guest }: Volume): string {
  const socket = join(path, `${createHash('sha256').update(guest).digest('hex').slice(0, 8)}.f`);
  if (Buffer.byteLength(socket) <= longestSocketPath) return socket;
  throw new PodmanBootcError(
    'host',
    'SOCKET_PATH_TOO_LONG',
    `Expected the directory of a VM with volumes to be one whose sockets have paths of at most ${longestSocketPath} bytes, got ${path}`,
    { remedy: 'Set XDG_DATA_HOME to a directory with a shorter path, or leave the volumes out' },
  );
}

/**
 * Starts the virtiofsd of each volume that libvirt does not serve, for one start of a VM.
 * @param devices those that its definition has
 */
export async function serveVolumes(
  host: Host,
  { uuid }: Pick<DomainDescription, 'uuid'>,
  devices: readonly VolumeDevice[],
): Promise<WaitingVirtiofsd[]> {
  const ours = devices.flatMap(({ volume, socket }) =>
    // Somebody else's socket is served by whoever made it.
    socket !== undefined && basename(dirname(socket)) === uuid ? [{ volume, socket }] : [],
  );
  const [first] = ours;
  if (first) await rm(virtiofsdLog(first.socket), { force: true });
  const waiting: WaitingVirtiofsd[] = [];
  try {
    for (const { volume, socket } of ours) {
      const { host: directory, readOnly } = volume;
      waiting.push(await serveDirectory(host, { directory, socket, readOnly }));
    }
  } catch (error) {
    for (const each of waiting) each.end();
    throw error;
  }
  return waiting;
}

/**
 * Brings the file of the credential `tmpfiles.extra`, which wins over the domain's, to what the record says. After a crash
 * it may be of before or after a change.
 */
export async function settleVolumeCredential(
  directory: VmDirectory,
  volumes: readonly Volume[],
): Promise<void> {
  const text = await readFile(directory.tmpfilesCredential, 'utf8').catch((error: unknown) => {
    if (!isMissing(error) || volumes.length > 0) throw error;
  });
  if (text === undefined) return;
  const settled = withVolumeLines(text, volumes);
  if (settled !== text) await writeDurably(directory.tmpfilesCredential, settled);
}

/** The volumes with some taken away and others added, or in the place of those at the same path. */
export function changedVolumes(
  present: readonly Volume[],
  added: readonly Volume[],
  removed: readonly string[],
): Volume[] {
  for (const path of removed) {
    if (present.some(({ guest }) => guest === path)) continue;
    throw new PodmanBootcError(
      'usage',
      'VOLUME_NOT_FOUND',
      `Expected ${option('removeVolumes')} to be the path of a volume in the VM, got ${JSON.stringify(path)}`,
      {
        remedy:
          present.length === 0
            ? 'It has no volumes'
            : `It has ${present.map(({ guest }) => guest).join(', ')}`,
      },
    );
  }
  const stays = present.filter(
    ({ guest }) => !removed.includes(guest) && !added.some((other) => other.guest === guest),
  );
  return [...stays, ...added];
}
