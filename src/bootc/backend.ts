import { PodmanBootcError } from '../errors.js';
import { option } from '../option-text.js';
import type { ImageProbe } from './probe.js';

/** The boot loaders that bootc can install; which of them an image has is for the image to know. */
export const bootloaders = ['grub', 'grub-cc', 'systemd', 'none'] as const;
export type Bootloader = (typeof bootloaders)[number];

/** What was asked for, by options or by the image's labels. */
export interface AskedBackend {
  composefsBackend: boolean | undefined;
  bootloader: string | undefined;
}

/** How bootc installs an image: by ostree or by composefs, and which boot loader. */
export interface Backend {
  composefs: boolean;
  /** Whether bootc has to be told; of a UKI it knows. */
  option: boolean;
  /** The value for `--bootloader`; undefined leaves it to bootc. */
  bootloader: string | undefined;
  /** False where bootc is told, by the option or the image, to install no boot loader. */
  hasLoader: boolean;
  /** systemd-boot and UKIs are programs for UEFI. */
  needsUefi: boolean;
  /** Why composefs, where that was not asked for. */
  reason: string | undefined;
}

/**
 * Decides the backend: what was asked for, else what the image is made for. bootc itself takes composefs for a UKI only;
 * an image with systemd-boot and no bootupd, which is what its ostree backend needs, is made for composefs all the same.
 * @throws PodmanBootcError `BACKEND_INVALID`
 */
export function chooseBackend(
  asked: AskedBackend,
  probe: Pick<
    ImageProbe,
    'installOptions' | 'defaultBootloader' | 'hasUki' | 'hasBootupd' | 'hasSystemdBoot'
  >,
): Backend {
  const { bootloader } = asked;
  const preferred = bootloader ?? probe.defaultBootloader;
  const loader = preferred ?? (probe.hasBootupd ? 'grub' : probe.hasSystemdBoot ? 'systemd' : undefined);
  // bootc's ostree backend has its boot loader installed by bootupd, and there is no other way.
  const isForComposefs = loader === 'systemd' || loader === 'grub-cc';
  const why = probe.hasUki
    ? 'the image boots by a unified kernel image (UKI)'
    : !isForComposefs
      ? undefined
      : preferred === undefined
        ? 'the image has systemd-boot and no bootupd'
        : `the boot loader ${loader} needs it`;
  if (asked.composefsBackend === false && why !== undefined) {
    throw new PodmanBootcError(
      'image',
      'BACKEND_INVALID',
      `bootc's ostree backend cannot install the image, for composefs is what it is made for: ${why}`,
      { remedy: `Leave out ${option('composefsBackend', false)}, or add the package bootupd to the image` },
    );
  }
  const canCompose = probe.hasUki || probe.installOptions.has('composefs-backend');
  const composefs = asked.composefsBackend ?? (why !== undefined && canCompose);
  return {
    composefs,
    option: composefs && !probe.hasUki,
    bootloader,
    hasLoader: preferred !== 'none',
    needsUefi: probe.hasUki || isForComposefs,
    reason: composefs && asked.composefsBackend === undefined ? why : undefined,
  };
}

/**
 * Refuses a boot loader that the VM's firmware cannot start, before the install.
 * @param origin who chose the firmware
 * @throws PodmanBootcError `BOOTLOADER_NEEDS_UEFI`, `FIRMWARE_UNAVAILABLE`
 */
export function checkFirmwareSuits(
  reference: string,
  { needsUefi }: Pick<Backend, 'needsUefi'>,
  firmware: 'efi' | 'bios',
  origin: 'option' | 'image label' | 'default',
): void {
  if (!needsUefi || firmware === 'efi') return;
  const what = `The image ${reference} boots by systemd-boot or a unified kernel image, which need UEFI`;
  if (origin === 'default') {
    throw new PodmanBootcError('host', 'FIRMWARE_UNAVAILABLE', `${what}, and libvirt has no UEFI firmware`, {
      remedy: 'Install it: apt install ovmf, or dnf install edk2-ovmf',
    });
  }
  const isOption = origin === 'option';
  throw new PodmanBootcError(
    isOption ? 'usage' : 'image',
    'BOOTLOADER_NEEDS_UEFI',
    `${what}, and the VM would have BIOS firmware`,
    {
      remedy: isOption
        ? `Leave out ${option('firmware', 'bios')}`
        : `Mend the image's label io.podman-bootc.firmware, or use ${option('firmware', 'efi')}`,
    },
  );
}
