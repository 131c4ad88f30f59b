import { PodmanBootcError } from '../errors.js';
import { lastLine } from '../podman/engine.js';

interface Translation {
  pattern: RegExp;
  code: string;
  sentence: string;
  remedy: string;
}

/** bootc's own words (bootc 0.1 to 1.15) and what they mean to somebody who typed `podman-bootc run`. */
const translations: readonly Translation[] = [
  {
    pattern: /No root filesystem specified/,
    code: 'INSTALL_NO_FILESYSTEM',
    sentence: 'the image does not say which root file system it wants',
    remedy: 'Choose one: --filesystem xfs, ext4 or btrfs',
  },
  {
    pattern: /must be run with .*--pid=host|Cannot install from rootless podman/,
    code: 'INSTALL_NOT_ROOTFUL',
    sentence: 'the podman that ran it is not rootful on its own host',
    remedy: 'Use a rootful machine or connection: --podman NAME-root',
  },
  {
    pattern: /Either --source-imgref must be defined/,
    code: 'INSTALL_NO_SOURCE',
    sentence: 'its bootc cannot tell which image it runs in',
    remedy: 'Update bootc in the image',
  },
  {
    pattern: /Loopback mounts?.* require host devices/,
    code: 'INSTALL_NO_LOOP',
    sentence: 'the podman host gives its containers no loop devices',
    remedy: 'Load the module there: sudo modprobe loop',
  },
  {
    pattern: /Detected existing partitions/,
    code: 'INSTALL_NOT_EMPTY',
    sentence: 'the disk was not empty',
    remedy: 'Run the same command again',
  },
  {
    pattern: /Failed to enter install_t/,
    code: 'INSTALL_SELINUX',
    sentence: "SELinux on the podman host refused bootc's install domain",
    remedy: 'Run it on a host with container-selinux installed, or with SELinux permissive',
  },
  {
    pattern: /bootupd is required|bootupctl.*not found/,
    code: 'INSTALL_NO_BOOTUPD',
    sentence: 'the image has no bootupd, so no boot loader can be installed',
    remedy: 'Add the package bootupd to the image',
  },
  {
    pattern: /setns.*(EINVAL|Invalid argument)/,
    code: 'INSTALL_FOREIGN_ARCHITECTURE',
    sentence: 'the image is for another architecture than the podman host',
    remedy: 'Use an image of the architecture of the podman host',
  },
  {
    pattern: /executable file .*bootc.* not found/,
    code: 'IMAGE_WITHOUT_BOOTC',
    sentence: 'there is no bootc in the image',
    remedy: 'Use a bootable container image',
  },
];

/**
 * Turns the output of a failed install into its cause and one remedy. The original text goes along.
 * @param exitCode of `podman run`
 */
export function installError(reference: string, exitCode: number, output: string): PodmanBootcError {
  const details = { output };
  const found = translations.find((translation) => translation.pattern.test(output));
  if (found) {
    return new PodmanBootcError(
      'install',
      found.code,
      `bootc could not install ${reference}: ${found.sentence}`,
      {
        remedy: found.remedy,
        ...details,
      },
    );
  }
  return new PodmanBootcError(
    'install',
    'INSTALL_FAILED',
    `bootc could not install ${reference} (exit code ${exitCode}): ${lastLine(output)}`,
    { remedy: 'BOOTC_INSTALL_LOG=debug makes bootc say more', ...details },
  );
}
