import { access, constants, realpath, stat } from 'node:fs/promises';
import { checkBootcArgument } from '../../bootc/arguments.js';
import { bootloaders } from '../../bootc/backend.js';
import { checkFilesystem } from '../../bootc/install.js';
import { checkKarg } from '../../bootc/kargs.js';
import { checkLabel, type Labels } from '../../domain/labels.js';
import { checkPortsDistinct, checkPublishedPort, type PublishedPort } from '../../domain/ports.js';
import { PodmanBootcError } from '../../errors.js';
import { pullPolicies, type PullPolicy } from '../../podman/images.js';
import { formatSize } from '../../sizes.js';
import { readPublicKeys, type PublicKey } from '../../ssh/public-key.js';
import { checkLoginName } from '../../ssh/user.js';
import { checkCloudInit } from '../guest/cloud-init.js';
import type { AcceleratorPreference } from '../host/hardware.js';
import { checkHostname } from '../guest/hostname.js';
import { checkName } from '../identity.js';
import { checkChoice, checkCount, checkMemory } from '../option-values.js';
import { readPassword } from '../guest/password.js';
import { checkDiskFormat, type DiskFormatPreference } from '../disks/vm-disk.js';

/**
 * What `run` may be told about the VM; whatever is absent gets its default. Where "or the image's label" stands, the label
 * is read when the option is absent (see `image-labels.ts`).
 */
export interface RunOptions {
  /** Default `podman-bootc-ID`, one per image. */
  name?: string | undefined;
  /** Removes the VM that has this name (or is the unnamed one of the image), running or not, and makes it anew. */
  replace?: boolean | undefined;
  /**
   * Gone with its disk when it stops, however that comes about; what is left of its files then, the next command that
   * makes or removes VMs removes. Default false.
   */
  transient?: boolean | undefined;
  /** Default 2, or the image's label. */
  cpus?: number | undefined;
  /** Bytes; default 2 GiB, or the image's label. */
  memory?: number | undefined;
  /** Default `auto`. */
  accelerator?: AcceleratorPreference | undefined;
  /** Default `efi` where the host has it, or the image's label. */
  firmware?: Firmware | undefined;
  /** Default: what the image asks for, by its label or bootc's configuration. */
  filesystem?: string | undefined;
  /** Bytes. */
  rootSizeMax?: number | undefined;
  /** Bytes; default the larger of 10 GiB and twice the image, or the image's label. */
  diskSize?: number | undefined;
  /** Default `auto`: an overlay (qcow2) of the image's base disk. */
  diskFormat?: DiskFormatPreference | undefined;
  /** Kernel arguments besides the image's own, in their order; default none. */
  kargs?: readonly string[] | undefined;
  /**
   * bootc's composefs backend instead of ostree; default: where the image is made for it (a UKI, or systemd-boot and no
   * bootupd), or the image's label.
   */
  composefsBackend?: boolean | undefined;
  /** `grub`, `grub-cc`, `systemd` or `none`; default: what bootc takes, or the image's label. */
  bootloader?: Bootloader | undefined;
  /** Further options of `bootc install to-disk`, each in one word (`--stateroot=x`); default none, or the image's label. */
  bootcArgs?: readonly string[] | undefined;
  /** Directory with `user-data` and `meta-data`. */
  cloudInit?: string | undefined;
  /** Default root. */
  user?: string | undefined;
  /** Files of public keys that may log in as that user besides the VM's own; default none. */
  sshKeys?: readonly string[] | undefined;
  /** File with root's password on one line, which is set when the VM is logged in to for the first time; default none. */
  passwordFile?: string | undefined;
  /** Host name of the guest; default: what the image has. */
  hostname?: string | undefined;
  /** Ports of the host that lead to the guest; default none, or the image's label. */
  ports?: readonly PublishedPort[] | undefined;
  /** Name to value; default none. */
  labels?: Labels | undefined;
  /** `auto` (default), `machine`, `local`, or the name of a podman machine or connection. */
  podman?: string | undefined;
  /** Starts a podman machine that does not run; default: asks with `confirm`. */
  startMachine?: boolean | undefined;
  /** Takes an image that is only in another podman's store from there; default: asks with `confirm`. */
  copy?: boolean | undefined;
  /** Asks the user something before it is done; without it nobody is asked, and it is not done. */
  confirm?: ((question: string) => Promise<boolean>) | undefined;
  /** A directory to install the disk in before it is moved home, such as one that a podman machine shares. */
  scratch?: string | undefined;
  /** When the image is pulled; default `missing`. */
  pull?: PullPolicy | undefined;
  /** Refuses to take a VM that exists; default false. */
  mustBeNew?: boolean | undefined;
  /** Keeps the output of bootc and podman back unless they fail. */
  quiet?: boolean | undefined;
}

export type Bootloader = (typeof bootloaders)[number];

export const firmwares = ['efi', 'bios'] as const;
export type Firmware = (typeof firmwares)[number];

/** What the options name on this host, found and read. */
export interface OptionFiles {
  /** Absolute path. */
  cloudInit: string | undefined;
  /** Absolute path. */
  scratch: string | undefined;
  sshKeys: PublicKey[];
  /** Root's. */
  password: string | undefined;
}

/**
 * Refuses bad options before anything is done: what a command line would have refused, for users of the library too.
 * @returns what the files hold that they name
 * @throws PodmanBootcError of class `usage`
 */
export async function checkRunOptions(options: RunOptions): Promise<OptionFiles> {
  if (options.transient && options.mustBeNew) {
    throw new PodmanBootcError(
      'usage',
      'OPTIONS_CONFLICT',
      'A transient VM cannot be made without being booted: it exists only while it runs',
      { remedy: 'Use run, or leave transient out' },
    );
  }
  if (options.name !== undefined) checkName(options.name);
  if (options.cpus !== undefined) checkCount('--cpus', options.cpus);
  if (options.memory !== undefined) checkMemory('--memory', options.memory);
  if (options.firmware !== undefined) checkChoice('--firmware', options.firmware, firmwares);
  if (options.filesystem !== undefined) checkFilesystem(options.filesystem);
  if (options.diskFormat !== undefined) checkDiskFormat(options.diskFormat);
  checkSizes(options);
  for (const karg of options.kargs ?? []) checkKarg(karg);
  if (options.bootloader !== undefined) checkChoice('--bootloader', options.bootloader, bootloaders);
  for (const argument of options.bootcArgs ?? []) checkBootcArgument(argument);
  if (options.user !== undefined) checkLoginName(options.user);
  if (options.hostname !== undefined) checkHostname(options.hostname);
  for (const port of options.ports ?? []) checkPublishedPort(port);
  checkPortsDistinct(options.ports ?? []);
  for (const label of Object.entries(options.labels ?? {})) checkLabel(...label);
  if (options.pull !== undefined) checkChoice('--pull', options.pull, pullPolicies);
  return {
    cloudInit: options.cloudInit === undefined ? undefined : await checkCloudInit(options.cloudInit),
    scratch: options.scratch === undefined ? undefined : await checkScratch(options.scratch),
    sshKeys: await readPublicKeys(options.sshKeys ?? []),
    password: options.passwordFile === undefined ? undefined : await readPassword(options.passwordFile),
  };
}

function checkSizes({ rootSizeMax, diskSize }: RunOptions): void {
  if (rootSizeMax === undefined || diskSize === undefined || rootSizeMax <= diskSize) return;
  throw new PodmanBootcError(
    'usage',
    'SIZE_INVALID',
    `Expected --root-size-max to be at most --disk-size (${formatSize(diskSize)}), got ${formatSize(rootSizeMax)}`,
  );
}

/**
 * In a podman machine, a directory has the same path only when that is its real one.
 * @throws PodmanBootcError `SCRATCH_INVALID`
 */
async function checkScratch(directory: string): Promise<string> {
  try {
    const path = await realpath(directory);
    if ((await stat(path)).isDirectory()) {
      await access(path, constants.W_OK);
      return path;
    }
  } catch {
    // Said below.
  }
  throw new PodmanBootcError(
    'usage',
    'SCRATCH_INVALID',
    `Expected --scratch to be a directory that you can write to, got '${directory}'`,
    { remedy: `Make it, or name another one` },
  );
}
