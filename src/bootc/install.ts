import { rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { codeOf, messageOf, PodmanBootcError } from '../errors.js';
import { option } from '../option-text.js';
import {
  capitalized,
  describeEngine,
  endless,
  engineCommand,
  inspectEngine,
  lastLine,
  questionPatience,
  runPodman,
  runPodmanClient,
  type PodmanEngine,
} from '../podman/engine.js';
import { runProcess, type ProcessResult } from '../process.js';
import type { Reporter } from '../report.js';
import { MiB } from '../sizes.js';
import { reportTransfer } from '../transfer.js';
import { createSparseDisk, isFull } from './disk-size.js';
import type { Backend } from './backend.js';
import { bootcOption } from './arguments.js';
import { filesystems, type ImageProbe } from './probe.js';
import { installError } from './translate.js';
import { verifyDisk, type DiskExpectation } from './verify.js';

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
  backend: Pick<Backend, 'option' | 'bootloader'>;
  /** Further options, each in one word. */
  bootcArgs: readonly string[];
  /** Public keys that are put into it for root: lines of authorized_keys. */
  rootKeys: readonly string[];
  probe: ImageProbe;
  /** What the disk has to have in the end. */
  expected: Omit<DiskExpectation, 'imageSize'>;
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
      reason: `the image names none; choose another with ${option('filesystem')}`,
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
 * Checks the name of a root file system.
 * @param what what it was given with, for the message
 * @throws PodmanBootcError `FILESYSTEM_INVALID`
 */
export function checkFilesystem(value: string, what = option('filesystem')): void {
  if ((filesystems as readonly string[]).includes(value)) return;
  throw new PodmanBootcError(
    'usage',
    'FILESYSTEM_INVALID',
    `Expected ${what} to be xfs, ext4 or btrfs, got '${value}'`,
    {
      remedy: 'Leave it out to take what the image asks for',
    },
  );
}

/**
 * Refuses what the bootc in the image has no option for, before anything is installed.
 * @throws PodmanBootcError `BOOTC_TOO_OLD`, `INSTALL_UKI_KARGS`
 */
export function checkInstallOptions({
  reference,
  probe,
  kargs,
  backend,
  bootcArgs,
  rootKeys,
}: Pick<Installation, 'reference' | 'probe' | 'kargs' | 'backend' | 'bootcArgs' | 'rootKeys'>): void {
  const need = (option: string, cannot: string, remedy: string): void => {
    if (probe.installOptions.has(option)) return;
    throw new PodmanBootcError(
      'image',
      'BOOTC_TOO_OLD',
      `The bootc inside ${reference} (${probe.bootcVersion || 'unknown version'}) ${cannot}: it has no --${option}`,
      { remedy },
    );
  };
  need('via-loopback', 'cannot install to a file', 'Update bootc in the image to 0.1.6 or newer');
  if (kargs.length > 0)
    need('karg', 'takes no kernel arguments', `Leave out ${option('kargs')}, or update bootc in the image`);
  if (rootKeys.length > 0) {
    need(
      'root-ssh-authorized-keys',
      'puts no SSH keys into a disk',
      `Leave out ${option('rootSshKeys')}, or update bootc in the image`,
    );
  }
  if (backend.option) {
    need(
      'composefs-backend',
      'cannot install by composefs',
      `Leave out ${option('composefsBackend')}, or update bootc in the image to 1.10 or newer`,
    );
  }
  if (backend.bootloader !== undefined) {
    need(
      'bootloader',
      'lets nobody choose the boot loader',
      `Leave out ${option('bootloader')}, or update bootc in the image to 1.9 or newer`,
    );
  }
  for (const argument of bootcArgs) {
    const option = bootcOption(argument) ?? argument;
    need(option, `does not know ${argument}`, 'Leave it out, or update bootc in the image');
  }
  if (kargs.length > 0 && probe.hasUki) {
    throw new PodmanBootcError(
      'image',
      'INSTALL_UKI_KARGS',
      `The image ${reference} boots by a unified kernel image (UKI), which has its kernel arguments inside`,
      { remedy: `Leave out ${option('kargs')}, or build the UKI with them` },
    );
  }
}

/**
 * The arguments of `podman` for an install; each is from bootc's documentation of `install to-disk`.
 * @param variables what bootc finds in its environment
 */
export function installArguments(
  installation: Installation,
  environment: NodeJS.ProcessEnv = process.env,
  variables: Readonly<Record<string, string>> = {},
): string[] {
  const { probe, partialDisk } = installation;
  const supported = (option: string): string[] => (probe.installOptions.has(option) ? [`--${option}`] : []);
  checkInstallOptions(installation);
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
    // What its programs say is read here, whatever language the image is in.
    ...['--env', 'LC_ALL=C'],
    ...(log === undefined || log === '' ? [] : ['--env', `RUST_LOG=${log}`]),
    ...Object.entries(variables).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    // The image may start something else, with our words as its arguments.
    ...['--entrypoint', 'bootc'],
    installation.reference,
    ...['install', 'to-disk', '--via-loopback'],
    ...supported('generic-image'),
    ...supported('skip-fetch-check'),
    ...(installation.filesystem === undefined ? [] : ['--filesystem', installation.filesystem]),
    ...(installation.rootSizeMax === undefined
      ? []
      : ['--root-size', `${Math.floor(installation.rootSizeMax / MiB)}M`]),
    // One word, for an argument may begin with a dash.
    ...installation.kargs.map((karg) => `--karg=${karg}`),
    ...(installation.backend.option ? ['--composefs-backend'] : []),
    ...(installation.backend.bootloader === undefined
      ? []
      : ['--bootloader', installation.backend.bootloader]),
    ...(installation.rootKeys.length === 0
      ? []
      : ['--root-ssh-authorized-keys', `/output/${basename(keysFile(partialDisk))}`]),
    ...installation.bootcArgs,
    `/output/${basename(partialDisk)}`,
  ];
}

/** Where bootc finds the keys: beside the disk, which is what the container sees of the host. */
function keysFile(partialDisk: string): string {
  return `${partialDisk}.keys`;
}

/**
 * Installs an image onto a sparse raw file, which appears at `disk` only when it is complete. Whatever goes wrong, and
 * when the signal aborts, `cleanUpInstall` has to be called: it may find that not everything can be cleaned up yet.
 * @throws PodmanBootcError of class `install`, or the signal's reason
 */
export async function installToDisk(
  installation: Installation,
  report: Reporter,
  signal?: AbortSignal,
): Promise<void> {
  const { engine, reference, disk, partialDisk, diskSize, imageSize, quiet, rootKeys } = installation;
  await createSparseDisk(partialDisk, diskSize, imageSize);
  if (rootKeys.length > 0) await writeFile(keysFile(partialDisk), `${rootKeys.join('\n')}\n`, { flag: 'wx' });
  const install = async (variables: Record<string, string>): Promise<ProcessResult> => {
    const args = installArguments(installation, process.env, variables);
    report.debug(`${engineCommand(engine)} ${args.join(' ')}`);
    report.progress?.({ type: 'stage', stage: 'install' });
    // Blocks are of 512 bytes, whatever the file system's (stat(2)).
    using _growth = reportTransfer(report, 'install', async () => (await stat(partialDisk)).blocks * 512);
    return await runPodman(engine, args, {
      signal,
      timeout: endless,
      keep: 'end',
      // In its own process group, so that Ctrl-C reaches us alone and we end it in good order.
      detached: true,
      killDelay: 5_000,
      ...(!quiet && {
        onOutput: (chunk: string) => {
          report.output(chunk);
        },
      }),
    });
  };
  let result = await install({});
  if (result.exitCode !== 0 && isLoopTrouble(result.all) && !(await isFull(dirname(disk)))) {
    report.info('The loop device had trouble with the disk: trying once more with direct I/O');
    await detachLoopDevices(engine, reference, partialDisk, report);
    await rm(partialDisk, { force: true });
    await createSparseDisk(partialDisk, diskSize, imageSize);
    result = await install({ BOOTC_DIRECT_IO: 'on' });
  }
  if (result.exitCode !== 0) {
    if (await isFull(dirname(disk))) throw diskFull(disk);
    await requireStillThere(engine, reference);
    throw installError(reference, result.exitCode, result.all, installation);
  }
  // A loop device swallows ENOSPC: only what is still free says whether everything arrived.
  if (await isFull(dirname(disk))) throw diskFull(disk);
  await requireComplete(installation, result.all);
  await rm(keysFile(partialDisk), { force: true });
  await rename(partialDisk, disk);
}

/** An install is believed by its disk, not by its exit code. */
async function requireComplete(installation: Installation, output: string): Promise<void> {
  const { reference, partialDisk, imageSize, expected } = installation;
  const fault = await verifyDisk(partialDisk, { ...expected, imageSize });
  if (!fault) return;
  throw new PodmanBootcError(
    'install',
    'INSTALL_INCOMPLETE',
    `bootc reported that ${reference} is installed, but ${fault.what}; the disk was removed`,
    { remedy: fault.remedy, output },
  );
}

/**
 * What losetup, the kernel and the makers of file systems say when a loop device and the file system below it (9p,
 * virtiofs) do not get along. bootc attaches without direct I/O unless BOOTC_DIRECT_IO=on
 * (https://bootc-dev.github.io/bootc/bootc-install.html).
 */
export function isLoopTrouble(output: string): boolean {
  return /losetup.*(failed to set up|Invalid argument|Input\/output error)|(mkfs|mke2fs|wipefs|sfdisk|sgdisk|mount)\b.*Input\/output error/i.test(
    output,
  );
}

/** Tells the end of the podman host from an install that failed. */
async function requireStillThere(engine: PodmanEngine, reference: string): Promise<void> {
  if (engine.kind === 'local') return;
  try {
    await inspectEngine(engine, { timeout: 20_000 });
  } catch (cause) {
    throw new PodmanBootcError(
      'install',
      'PODMAN_STOPPED',
      `${capitalized(describeEngine(engine))} stopped or became unreachable in the middle of the install of ${reference}`,
      {
        remedy:
          engine.machine === undefined
            ? `Try \`${engineCommand(engine)} info\`, then run the same command again`
            : `podman machine start ${engine.machine}, then run the same command again`,
        cause,
      },
    );
  }
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
 * @returns whether all of it is gone; a machine that does not run, say, has to be asked again when it does
 */
export async function cleanUpInstall(
  engine: PodmanEngine,
  reference: string,
  partialDisk: string,
  report: Reporter,
): Promise<boolean> {
  const container = installContainerName(partialDisk);
  const args = ['rm', '--force', '--time', '3', '--ignore', container];
  const removed = await runPodman(engine, args).catch((error: unknown) => {
    if (codeOf(error) !== 'PODMAN_SILENT') throw error;
    return { exitCode: -1, stderr: messageOf(error) };
  });
  const reached = removed.exitCode === 0;
  if (reached) await detachLoopDevices(engine, reference, partialDisk, report);
  await rm(partialDisk, { force: true });
  if (reached) return true;
  if (isGone(removed.stderr)) {
    report.debug(`${describeEngine(engine)} is gone: ${removed.stderr}`);
    return true;
  }
  report.warn(
    `${capitalized(describeEngine(engine))} does not answer; the container ${container} is removed by the next command that finds it running`,
  );
  report.debug(removed.stderr);
  return false;
}

/** podman's words for a connection that nobody has any more: then nobody can be asked either. */
function isGone(stderr: string): boolean {
  return /connection ".*" not found|no such connection|connection .* could not be found/i.test(stderr);
}

// $1 is the file, or comes from stdin. losetup compares device and inode, so a path that differs inside the container
// does no harm. It is in sbin, which the PATH of a container or of a machine's SSH need not have, and it has to be seen
// failing, which at the head of a pipe it is not.
const detachScript = `PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin" LC_ALL=C; export PATH LC_ALL; [ -e "$1" ] || exit 0; devices="$(losetup --noheadings --output NAME --associated "$1")" || exit 1; for device in $devices; do losetup --detach "$device" || exit 1; done`;
const machineDetachScript = `IFS= read -r file; set -- "$file"; ${detachScript}`;

async function detachLoopDevices(
  engine: PodmanEngine,
  reference: string,
  file: string,
  report: Reporter,
): Promise<void> {
  const result =
    engine.kind === 'local'
      ? await runProcess('sh', ['-c', detachScript, 'sh', file], { timeout: questionPatience })
      : engine.machine !== undefined
        ? await runPodmanClient(
            ['machine', 'ssh', '--username', 'root', engine.machine, machineDetachScript],
            { input: `${file}\n` },
          )
        : await runPodman(
            engine,
            // prettier-ignore
            ['run', '--rm', '--pull', 'never', '--privileged', '--security-opt', 'label=disable', '--volume', '/dev:/dev', '--volume', `${dirname(file)}:/output`, '--entrypoint', 'sh', reference, '-c', detachScript, 'sh', `/output/${basename(file)}`],
          );
  if (result.exitCode === 0) return;
  report.warn(
    `Loop devices of ${file} could not be detached, and keep its space if there are any (losetup --list on ${describeEngine(engine)}): ${lastLine(result.stderr)}`,
  );
}
