import { rename, rm, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { PodmanBootcError } from '../errors.js';
import { engineCommand, runPodman, type PodmanEngine } from '../podman/engine.js';
import { runProcess } from '../process.js';
import type { Reporter } from '../report.js';
import { MiB } from '../sizes.js';
import { createSparseDisk, isFull } from './disk-size.js';
import { filesystems, type ImageProbe } from './probe.js';
import { installError } from './translate.js';

/** One `bootc install to-disk`. */
export interface Installation {
  engine: PodmanEngine;
  /** The reference that podman runs and that the installed system will update from. */
  reference: string;
  /** Where the disk ends up, an absolute path that the engine's host sees too. */
  disk: string;
  /** The sparse file beside it that bootc writes to; it takes the disk's name when all is well. */
  partialDisk: string;
  /** Bytes. */
  diskSize: number;
  /** Bytes of the image, uncompressed: the least that will be written. */
  imageSize: number;
  /** Root file system; undefined leaves it to the image's own configuration. */
  filesystem: string | undefined;
  /** Upper limit of the root file system in bytes. */
  rootSizeMax: number | undefined;
  /** Kernel arguments besides the image's own. */
  kargs: readonly string[];
  probe: ImageProbe;
  /** Keeps bootc's output back unless it fails. */
  quiet: boolean;
}

/** The name of the install's container: known beforehand, so that what a killed install left can be found. */
export function installContainerName(partialDisk: string): string {
  return `podman-bootc-install-${basename(dirname(partialDisk))}`;
}

/**
 * Decides the root file system: what the user asked for, else what the image asks for, else the first that
 * the image can make.
 * @returns the value for `--filesystem`, undefined where bootc reads it from the image, and why
 * @throws PodmanBootcError `FILESYSTEM_INVALID`, `INSTALL_NO_FILESYSTEM`
 */
export function chooseFilesystem(
  asked: string | undefined,
  probe: Pick<ImageProbe, 'defaultFilesystem' | 'filesystems'>,
): { option: string | undefined; effective: string; reason: string } {
  if (asked !== undefined) return { option: asked, effective: asked, reason: 'as asked' };
  if (probe.defaultFilesystem !== undefined) {
    return { option: undefined, effective: probe.defaultFilesystem, reason: "the image's default" };
  }
  const [first] = probe.filesystems;
  if (first !== undefined) {
    return {
      option: first,
      effective: first,
      reason: 'the image names none; choose another with --filesystem',
    };
  }
  throw new PodmanBootcError(
    'install',
    'INSTALL_NO_FILESYSTEM',
    'The image names no root file system and has no mkfs for xfs, ext4 or btrfs',
    { remedy: 'Add xfsprogs, e2fsprogs or btrfs-progs to the image' },
  );
}

/**
 * Checks the value of `--filesystem`.
 * @throws PodmanBootcError `FILESYSTEM_INVALID`
 */
export function checkFilesystem(value: string): void {
  if ((filesystems as readonly string[]).includes(value)) return;
  throw new PodmanBootcError(
    'usage',
    'FILESYSTEM_INVALID',
    `Expected --filesystem to be xfs, ext4 or btrfs, got '${value}'`,
    {
      remedy: 'Leave it out to take what the image asks for',
    },
  );
}

/** The arguments of `podman` for an install; each is from bootc's documentation of `install to-disk`. */
export function installArguments(
  installation: Installation,
  environment: NodeJS.ProcessEnv = process.env,
): string[] {
  const { probe, partialDisk } = installation;
  const supported = (option: string): string[] => (probe.installOptions.has(option) ? [`--${option}`] : []);
  if (!probe.installOptions.has('via-loopback')) {
    throw new PodmanBootcError(
      'image',
      'BOOTC_TOO_OLD',
      `The bootc inside ${installation.reference} (${probe.bootcVersion || 'unknown version'}) cannot install to a file: it has no --via-loopback`,
      { remedy: 'Update bootc in the image to 0.1.6 or newer' },
    );
  }
  if (installation.kargs.length > 0 && !probe.installOptions.has('karg')) {
    throw new PodmanBootcError(
      'image',
      'BOOTC_TOO_OLD',
      `The bootc inside ${installation.reference} (${probe.bootcVersion || 'unknown version'}) takes no kernel arguments: it has no --karg`,
      { remedy: 'Leave out --karg, or update bootc in the image' },
    );
  }
  const directory = dirname(partialDisk);
  if (directory.includes(':')) {
    throw new PodmanBootcError(
      'host',
      'DIRECTORY_UNUSABLE',
      `podman cannot mount a directory with a colon in its name: ${directory}`,
      {
        remedy: 'Set XDG_CACHE_HOME to a directory without a colon',
      },
    );
  }
  const log = environment.BOOTC_INSTALL_LOG;
  return [
    'run',
    '--rm',
    '--replace',
    ...['--name', installContainerName(partialDisk)],
    ...['--pull', 'never'],
    '--privileged',
    '--pid=host',
    // Device-mapper's semaphores dead-lock without it (bootc issue 2089).
    '--ipc=host',
    '--user=root:root',
    ...['--security-opt', 'label=type:unconfined_t'],
    ...['--volume', '/dev:/dev'],
    ...['--volume', '/var/lib/containers:/var/lib/containers'],
    ...['--volume', `${directory}:/output`],
    ...(log === undefined || log === '' ? [] : ['--env', `RUST_LOG=${log}`]),
    installation.reference,
    ...['bootc', 'install', 'to-disk', '--via-loopback'],
    ...supported('generic-image'),
    ...supported('skip-fetch-check'),
    ...(installation.filesystem === undefined ? [] : ['--filesystem', installation.filesystem]),
    ...(installation.rootSizeMax === undefined
      ? []
      : ['--root-size', `${Math.floor(installation.rootSizeMax / MiB)}M`]),
    // One word, for an argument may begin with a dash.
    ...installation.kargs.map((karg) => `--karg=${karg}`),
    `/output/${basename(partialDisk)}`,
  ];
}

/**
 * Installs an image onto a sparse raw file, which appears at `disk` only when it is complete. Whatever goes
 * wrong, and when the signal aborts, the container, its loop devices and the partial file are gone when this
 * rejects.
 * @throws PodmanBootcError of class `install`, or the signal's reason
 */
export async function installToDisk(
  installation: Installation,
  report: Reporter,
  signal?: AbortSignal,
): Promise<void> {
  const { engine, reference, disk, partialDisk, diskSize, imageSize, quiet } = installation;
  const args = installArguments(installation);
  try {
    await createSparseDisk(partialDisk, diskSize, imageSize);
    report.debug(`${engineCommand(engine)} ${args.join(' ')}`);
    report.progress?.({ type: 'stage', stage: 'install' });
    using _growth = reportGrowth(partialDisk, report);
    const result = await runPodman(engine, args, {
      signal,
      // In its own process group, so that Ctrl-C reaches us alone and we end it in good order.
      detached: true,
      killDelay: 5_000,
      ...(!quiet && {
        onOutput: (chunk: string) => {
          report.output(chunk);
        },
      }),
    });
    if (result.exitCode !== 0) {
      throw (await isFull(dirname(disk)))
        ? diskFull(disk)
        : installError(reference, result.exitCode, result.all);
    }
    // A loop device swallows ENOSPC: only what is still free says whether everything arrived.
    if (await isFull(dirname(disk))) throw diskFull(disk);
    await rename(partialDisk, disk);
  } catch (error) {
    await cleanUpInstall(engine, reference, partialDisk, report);
    throw error;
  }
}

/** Milliseconds between two looks at a disk that is written to. */
const growthInterval = 500;

/** Reports how much of a sparse disk has been written, and how fast, until it is disposed of. */
function reportGrowth(disk: string, report: Reporter): Disposable {
  const begin = performance.now();
  const look = async (): Promise<void> => {
    // Blocks are of 512 bytes, whatever the file system's (stat(2)).
    const bytes = (await stat(disk)).blocks * 512;
    const rate = bytes / ((performance.now() - begin) / 1000);
    report.progress?.({ type: 'transfer', stage: 'install', bytes, rate });
  };
  const timer = setInterval(() => {
    // It has its final name, or is gone: there is no more to tell.
    look().catch(() => undefined);
  }, growthInterval).unref();
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer);
    },
  };
}

function diskFull(disk: string): PodmanBootcError {
  return new PodmanBootcError(
    'install',
    'DISK_FULL',
    `The file system of ${dirname(disk)} ran full during the install; the partial disk was removed`,
    { remedy: 'Free some space there, or remove unused base disks with `podman-bootc disk prune --all`' },
  );
}

/**
 * Removes what an install that did not end well may have left: its container, loop devices on the partial
 * disk, the partial disk. Safe to call at any time, also when nothing is left.
 */
export async function cleanUpInstall(
  engine: PodmanEngine,
  reference: string,
  partialDisk: string,
  report: Reporter,
): Promise<void> {
  const container = installContainerName(partialDisk);
  const removed = await runPodman(engine, ['rm', '--force', '--time', '3', '--ignore', container]);
  if (removed.exitCode !== 0)
    report.warn(`The container ${container} could not be removed: ${removed.stderr}`);
  await detachLoopDevices(engine, reference, partialDisk, report);
  await rm(partialDisk, { force: true });
}

// $1 is the file. losetup compares device and inode, so a path that differs inside the container does no harm.
const detachScript = `losetup --noheadings --output NAME --associated "$1" | while read -r device; do losetup --detach "$device"; done`;

async function detachLoopDevices(
  engine: PodmanEngine,
  reference: string,
  file: string,
  report: Reporter,
): Promise<void> {
  const result =
    engine.kind === 'local'
      ? await runProcess('sh', ['-c', detachScript, 'sh', file])
      : await runPodman(
          engine,
          // prettier-ignore
          ['run', '--rm', '--pull', 'never', '--privileged', '--security-opt', 'label=disable', '--volume', '/dev:/dev', '--volume', `${dirname(file)}:/output`, '--entrypoint', 'sh', reference, '-c', detachScript, 'sh', `/output/${basename(file)}`],
        );
  if (result.exitCode !== 0) report.warn(`Loop devices of ${file} could not be looked for: ${result.stderr}`);
}
