import { checkFirmwareSuits, chooseBackend, type Backend } from '../../bootc/backend.js';
import { chooseDiskSize } from '../../bootc/disk-size.js';
import { checkInstallOptions, chooseFilesystem } from '../../bootc/install.js';
import type { ImageProbe } from '../../bootc/probe.js';
import { chooseFirmware } from '../../domain/build.js';
import { PodmanBootcError } from '../../errors.js';
import { option } from '../../option-text.js';
import type { PodmanEngine } from '../../podman/engine.js';
import type { Image } from '../../podman/images.js';
import { baseKey, keysPart, type BaseParts } from '../disks/base-key.js';
import { architectureOf, chooseHardware, type Hardware } from '../host/hardware.js';
import type { Host } from '../host/host.js';
import type { Firmware } from '../option-values.js';
import { askImage } from './ask-image.js';
import type { OptionFiles, RunOptions } from './options.js';
import type { Requirements } from './requirements.js';

/** An image that is to be installed, and what was asked for. */
export interface WantedInstall {
  engine: PodmanEngine;
  image: Image;
  /** The name the image is recorded and run under. */
  reference: string;
  /** Checked. */
  options: RunOptions;
  files: OptionFiles;
  requirements: Requirements;
}

/** What is installed. */
export interface InstallPlan extends WantedInstall {
  probe: ImageProbe;
  hardware: Hardware;
  firmware: 'efi' | 'bios';
  filesystem: ReturnType<typeof chooseFilesystem>;
  backend: Backend;
  /** Bytes of the disk that is wanted. */
  diskSize: number;
  /** Of the base disk. */
  parts: BaseParts;
  /** Key of the base disk. */
  base: string;
  /** Public keys that are put into the disk, for root: lines of authorized_keys. */
  rootKeys: readonly string[];
}

/**
 * Decides how an image is installed, and refuses what cannot be, before anything of it is done.
 * @param o.exact whether the base disk has the size that is wanted, also where a larger overlay of a smaller one would do
 * @throws PodmanBootcError `FIRMWARE_UNAVAILABLE`; those of `askImage`, `chooseHardware`, `chooseFilesystem`, `chooseBackend`,
 * `checkFirmwareSuits`, `checkInstallOptions` and `chooseDiskSize`
 */
export async function planInstall(
  host: Host,
  wanted: WantedInstall,
  { exact = false, rootKeys = [] }: { exact?: boolean; rootKeys?: readonly string[] },
  signal: AbortSignal | undefined,
): Promise<InstallPlan> {
  const { image, reference, options, requirements } = wanted;
  const probe = await askImage(host, wanted, options.user ?? 'root', signal);
  host.report.debug(
    `${probe.bootcVersion}, systemd ${probe.systemdVersion ?? 'unknown'}, options ${[...probe.installOptions].join(' ')}`,
  );
  const accelerator = options.accelerator ?? 'auto';
  const hardware = await chooseHardware(host, architectureOf(image.architecture), accelerator, signal);
  const { bootcArgs, origins } = requirements;
  const firmware = requireFirmware(requirements.firmware, hardware);
  const filesystem = chooseFilesystem(requirements.filesystem, probe);
  const backend = chooseBackend(requirements, probe);
  checkFirmwareSuits(reference, backend, firmware, origins.firmware ?? 'default');
  const kargs = options.kargs ?? [];
  checkInstallOptions({ reference, probe, kargs, backend, bootcArgs, rootKeys });
  const diskSize = chooseDiskSize(requirements.diskSize, image.size);
  const isToldBackend = backend.option || backend.bootloader !== undefined || bootcArgs.length > 0;
  const parts: BaseParts = {
    imageId: image.id,
    reference,
    filesystem: filesystem.effective,
    rootSizeMax: options.rootSizeMax,
    // A larger disk is an overlay that is larger; a smaller one has to be installed.
    diskSize: exact ? diskSize : Math.min(diskSize, chooseDiskSize(undefined, image.size)),
    kargs,
    ...(isToldBackend && {
      backend: { composefs: backend.option, bootloader: backend.bootloader, bootcArgs },
    }),
    bootcVersion: probe.bootcVersion,
    ...(rootKeys.length > 0 && { rootKeys: keysPart(rootKeys) }),
  };
  return {
    ...wanted,
    probe,
    hardware,
    firmware,
    filesystem,
    backend,
    diskSize,
    parts,
    base: baseKey(parts),
    rootKeys,
  };
}

/**
 * The firmware asked for, or the one that the host has.
 * @throws PodmanBootcError `FIRMWARE_UNAVAILABLE`
 */
export function requireFirmware(
  asked: Firmware | undefined,
  { arch, capabilities }: Hardware,
): 'efi' | 'bios' {
  const chosen = chooseFirmware(capabilities, arch);
  if (asked === undefined || asked === chosen) return chosen;
  if (asked === 'bios' && arch === 'x86_64') return asked;
  throw new PodmanBootcError(
    'host',
    'FIRMWARE_UNAVAILABLE',
    asked === 'efi'
      ? `libvirt has no UEFI firmware for ${arch}`
      : `There is no BIOS for ${arch}: its VMs boot by UEFI only`,
    {
      remedy:
        asked === 'efi'
          ? `Install it: apt install ovmf, or dnf install edk2-ovmf; or use ${option('firmware', 'bios')}`
          : `Leave out ${option('firmware', 'bios')}`,
    },
  );
}
