import { PodmanBootcError } from '../errors.js';
import { option } from '../option-text.js';

/** Options of `bootc install to-disk` that are not the user's to give, and why. */
const refused: Readonly<Record<string, string>> = {
  'via-loopback': 'podman-bootc says where the disk is',
  wipe: 'the disk is a new one',
  'source-imgref': 'the image is the one that was named',
  'block-setup': "it would seal the disk to this host's TPM, which the VM does not have",
  'generic-image': 'podman-bootc passes it already',
  'skip-fetch-check': 'podman-bootc passes it already',
  help: 'it installs nothing',
  version: 'it installs nothing',
  filesystem: `there is ${option('filesystem')}`,
  'root-size': `there is ${option('rootSizeMax')}`,
  karg: `there is ${option('kargs')}`,
  'composefs-backend': `there is ${option('composefsBackend')}`,
  bootloader: `there is ${option('bootloader')}`,
};

/**
 * Checks an argument for `bootc install to-disk`: a long option in one word, with its value behind a "=". A word without
 * dashes would be the disk.
 * @param what what it was given with, for messages
 * @throws PodmanBootcError `BOOTC_ARGUMENT_INVALID`
 */
export function checkBootcArgument(value: string, what = option('bootcArgs')): void {
  const shown = JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}…` : value);
  const name = bootcOption(value);
  if (name === undefined || /\p{Control}/u.test(value) || value.length > 1024) {
    throw new PodmanBootcError(
      'usage',
      'BOOTC_ARGUMENT_INVALID',
      `Expected ${what} to be one long option of bootc install to-disk, with its value behind "=", got ${shown}`,
      { remedy: `For example ${option('bootcArgs', '--stateroot=default')}; repeat it for more than one` },
    );
  }
  const why = Object.hasOwn(refused, name) ? refused[name] : undefined;
  if (why === undefined) return;
  throw new PodmanBootcError(
    'usage',
    'BOOTC_ARGUMENT_INVALID',
    `Expected ${what} to be an option that podman-bootc leaves to others, got ${shown}: ${why}`,
  );
}

/** The name of the option that an argument is, without its dashes. */
export function bootcOption(argument: string): string | undefined {
  return /^--([a-z][a-z0-9-]*)(?:=|$)/.exec(argument)?.[1];
}
