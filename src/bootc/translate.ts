import { failureOf, PodmanBootcError, type FailureKind } from '../errors.js';
import { option } from '../option-text.js';
import { formatSize, GiB } from '../sizes.js';
import { cutLines, errorChain } from './error-chain.js';

/** What was asked of bootc, as far as its errors are about it. */
export interface InstallSizes {
  /** Bytes. */
  diskSize?: number;
  /** Bytes. */
  rootSizeMax?: number | undefined;
}

interface Translation {
  pattern: RegExp;
  failure: FailureKind<'install' | 'image'>;
  sentence: string | ((match: RegExpExecArray) => string);
  remedy: string | ((match: RegExpExecArray, sizes: InstallSizes) => string);
}

/** `Parsing "/usr/lib/bootc/install/00-x.toml": TOML parse error at line 2, column 8`, and what it says below. */
const configurationPattern =
  /Loading configuration: (?:Parsing "?([^"\n]+?)"?: )?[^]*|Parsing "?(\/[^"\n]+?)"?: TOML[^]*/;

function configurationSentence(match: RegExpExecArray): string {
  const file = match[1] ?? match[2];
  const chain = errorChain(`error: ${match[0]}`);
  const what =
    file === undefined
      ? chain.replace(/^Loading configuration: /, '')
      : chain.replace(/^.*?"?: (?=TOML)/, '');
  return `its bootc rejects ${file ?? 'its configuration of the install'}: ${what}`;
}

function configurationRemedy(match: RegExpExecArray): string {
  return `Mend ${match[1] ?? match[2] ?? 'the files in /usr/lib/bootc/install'} in the image; \`bootc install print-configuration\` in it shows when it is right`;
}

/** bootc's own words (bootc 0.1 to 1.16) and what they mean to somebody who typed `podman-bootc run`. */
const translations: readonly Translation[] = [
  {
    pattern: /No root filesystem specified|no filesystem specified/,
    failure: { failureClass: 'install', code: 'INSTALL_NO_FILESYSTEM' },
    sentence: 'the image does not say which root file system it wants',
    remedy: `Choose one: ${option('filesystem', 'xfs')}, ext4 or btrfs`,
  },
  {
    pattern: /must be run with .*--pid=host|Cannot install from rootless podman/,
    failure: { failureClass: 'install', code: 'INSTALL_NOT_ROOTFUL' },
    sentence: 'the podman that ran it is not rootful on its own host',
    remedy: `Use a rootful machine or connection: ${option('podman', 'NAME-root')}`,
  },
  {
    pattern: /Either --source-imgref must be defined/,
    failure: { failureClass: 'install', code: 'INSTALL_NO_SOURCE' },
    sentence: 'its bootc cannot tell which image it runs in',
    remedy: 'Update bootc in the image',
  },
  {
    pattern: /Loopback mounts?.* require host devices/,
    failure: { failureClass: 'install', code: 'INSTALL_NO_LOOP' },
    sentence: 'the podman host gives its containers no loop devices',
    remedy: 'Load the module there: sudo modprobe loop',
  },
  {
    pattern: /Detected existing partitions/,
    failure: { failureClass: 'install', code: 'INSTALL_NOT_EMPTY' },
    sentence: 'the disk was not empty',
    remedy: 'Run the same command again',
  },
  {
    pattern: /Failed to enter install_t/,
    failure: { failureClass: 'install', code: 'INSTALL_SELINUX' },
    sentence: "SELinux on the podman host refused bootc's install domain",
    remedy: 'Run it on a host with container-selinux installed, or with SELinux permissive',
  },
  {
    pattern: /Insufficient free space for .*\(available: (.+?) required: (.+?)\)/,
    failure: { failureClass: 'install', code: 'INSTALL_DISK_TOO_SMALL' },
    sentence: (match) =>
      `the disk is too small: it has ${match[1] ?? ''} for the image, which takes ${match[2] ?? ''}`,
    remedy: (match, sizes) => {
      const { diskSize = 0, rootSizeMax } = sizes;
      if (rootSizeMax !== undefined && rootSizeMax < diskSize)
        return `Raise ${option('rootSizeMax')}, which is ${formatSize(rootSizeMax)}, or leave it out`;
      return `Ask for a larger one: ${option('diskSize', enough(diskSize, match[1] ?? '', match[2] ?? ''))}`;
    },
  },
  {
    pattern: /No boot entries!|Failed to find kernel in/,
    failure: { failureClass: 'install', code: 'INSTALL_NO_KERNEL' },
    sentence: 'there is no kernel in the image',
    remedy:
      'Install a kernel in the image: bootc takes vmlinuz and initramfs.img in /usr/lib/modules/VERSION',
  },
  {
    pattern: /Failed to find ostree\/prepare-root\.conf/,
    failure: { failureClass: 'install', code: 'INSTALL_NO_PREPARE_ROOT' },
    sentence: 'the image has no ostree/prepare-root.conf in /usr/lib or /etc',
    remedy:
      'Put a /usr/lib/ostree/prepare-root.conf into the image before its initramfs is made, with the section [composefs] and enabled = yes; base images for bootc have it',
  },
  {
    pattern: /skopeo spawn error|skopeo.*No such file or directory/,
    failure: { failureClass: 'install', code: 'INSTALL_NO_SKOPEO' },
    sentence: 'there is no skopeo in the image, by which bootc reads it',
    remedy: 'Add the package skopeo to the image',
  },
  {
    pattern: /The UKI has the wrong composefs= parameter/,
    failure: { failureClass: 'install', code: 'INSTALL_UKI_STALE' },
    sentence: 'its unified kernel image (UKI) was made for another state of the image',
    remedy: 'Build the UKI last: whatever changes the image after it makes its composefs= wrong',
  },
  {
    pattern: /Cannot use externally specified kernel arguments with UKI/,
    failure: { failureClass: 'install', code: 'INSTALL_UKI_KARGS' },
    sentence: 'it boots by a unified kernel image (UKI), which has its kernel arguments inside',
    remedy: `Leave out ${option('kargs')}, or build the UKI with them`,
  },
  {
    pattern: /Specified filesystem (\S+) does not support fs-verity/,
    failure: { failureClass: 'install', code: 'INSTALL_NO_VERITY' },
    sentence: (match) => `its unified kernel image wants fs-verity, which ${match[1] ?? ''} does not have`,
    remedy: `Use ${option('filesystem', 'ext4')} or btrfs`,
  },
  {
    pattern: configurationPattern,
    failure: { failureClass: 'image', code: 'INSTALL_CONFIGURATION_INVALID' },
    sentence: configurationSentence,
    remedy: configurationRemedy,
  },
  {
    pattern: /Re-exec in host mountns|open pid1 mountns/,
    failure: { failureClass: 'install', code: 'INSTALL_NO_HOST_NAMESPACE' },
    sentence: "it may not enter the namespaces of the podman host's process 1",
    remedy: 'Let the podman run on the host itself, not in a container that hides its process 1',
  },
  {
    pattern: /Failed to run udevadm settle|Comparing filesystems at \/run\/udev/,
    failure: { failureClass: 'install', code: 'INSTALL_NO_UDEV' },
    sentence: 'the podman host has no udev that runs, which bootc waits for',
    remedy: 'Start it there: systemctl start systemd-udevd',
  },
  {
    pattern: /Device has no children|Missing partition for index/,
    failure: { failureClass: 'install', code: 'INSTALL_NO_PARTITIONS' },
    sentence: 'the podman host does not show the partitions that it made',
    remedy: 'Its kernel must read GPT (CONFIG_EFI_PARTITION), and its udev must run',
  },
  {
    pattern: /Mounting ESP|unknown filesystem type '?vfat|mount.*vfat/,
    failure: { failureClass: 'install', code: 'INSTALL_NO_VFAT' },
    sentence: 'the podman host could not mount the EFI system partition',
    remedy: 'Load the driver of its file system there: sudo modprobe vfat',
  },
  {
    pattern: /bootupd is required|bootupctl.*not found/,
    failure: { failureClass: 'install', code: 'INSTALL_NO_BOOTUPD' },
    sentence: 'the image has no bootupd, without which its ostree backend installs no boot loader',
    remedy: `Add the package bootupd to the image, or install it with systemd-boot in it by ${option('composefsBackend')}`,
  },
  {
    pattern: /setns.*(EINVAL|Invalid argument)/,
    failure: { failureClass: 'install', code: 'INSTALL_FOREIGN_ARCHITECTURE' },
    sentence: 'the image is for another architecture than the podman host',
    remedy: 'Use an image of the architecture of the podman host',
  },
  {
    pattern: /executable file .*bootc.* not found/,
    failure: { failureClass: 'install', code: 'IMAGE_WITHOUT_BOOTC' },
    sentence: 'there is no bootc in the image',
    remedy: 'Use a bootable container image',
  },
];

/**
 * Turns the output of a failed install into its cause and one remedy. The original text goes along.
 * @param exitCode of `podman run`
 */
export function installError(
  reference: string,
  exitCode: number,
  output: string,
  sizes: InstallSizes = {},
): PodmanBootcError {
  const details = { output: cutLines(output) };
  for (const { pattern, failure, sentence, remedy } of translations) {
    const match = pattern.exec(output);
    if (!match) continue;
    return failureOf(
      failure,
      `bootc could not install ${reference}: ${typeof sentence === 'string' ? sentence : sentence(match)}`,
      { remedy: typeof remedy === 'string' ? remedy : remedy(match, sizes), ...details },
    );
  }
  return new PodmanBootcError(
    'install',
    'INSTALL_FAILED',
    `bootc could not install ${reference} (exit code ${exitCode}): ${errorChain(output)}`,
    { remedy: 'BOOTC_INSTALL_LOG=debug makes bootc say more', ...details },
  );
}

/**
 * What an image's configuration of the install is rejected with, before any install; undefined when it is not that, as
 * with a bootc that has no such command.
 * @param said by `bootc install print-configuration` that failed
 */
export function configurationError(reference: string, said: string): PodmanBootcError | undefined {
  const match = configurationPattern.exec(said);
  if (!match) return undefined;
  return new PodmanBootcError(
    'image',
    'INSTALL_CONFIGURATION_INVALID',
    `The image ${reference} cannot be installed: ${configurationSentence(match)}`,
    { remedy: configurationRemedy(match), output: cutLines(said) },
  );
}

const units: Readonly<Record<string, number>> = { bytes: 1, kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };

/** Bytes of a size as GLib's g_format_size writes it: `331.9 MB`, with a no-break space. */
function bytesOf(text: string): number {
  const [, number = '', unit = ''] = /^([\d.]+)\s*(\w+)$/.exec(text) ?? [];
  return Number(number) * (units[unit] ?? NaN);
}

/** A size of the disk for which the space would do, with as much again for the first update: `12G`. */
function enough(diskSize: number, available: string, required: string): string {
  const bytes = diskSize - bytesOf(available) + 2 * bytesOf(required);
  return Number.isFinite(bytes) ? `${Math.ceil(bytes / GiB)}G` : 'SIZE';
}
