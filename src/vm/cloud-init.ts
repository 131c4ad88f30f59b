import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { PodmanBootcError } from '../errors.js';
import { runProcess } from '../process.js';
import { isInstalled } from './hardware.js';

/** Programs that make an ISO 9660 image of a directory, first choice first, and how. */
const makers: { program: string; args: (label: string, iso: string, directory: string) => string[] }[] = [
  {
    program: 'xorriso',
    args: (label, iso, directory) => [
      '-as',
      'mkisofs',
      '-quiet',
      '-V',
      label,
      '-J',
      '-R',
      '-o',
      iso,
      directory,
    ],
  },
  ...['genisoimage', 'mkisofs'].map((program) => ({
    program,
    args: (label: string, iso: string, directory: string) => [
      '-quiet',
      '-V',
      label,
      '-J',
      '-R',
      '-o',
      iso,
      directory,
    ],
  })),
  {
    program: 'hdiutil',
    args: (label, iso, directory) => [
      'makehybrid',
      '-quiet',
      '-iso',
      '-joliet',
      '-default-volume-name',
      label,
      '-o',
      iso,
      directory,
    ],
  },
];

/**
 * Checks a directory of cloud-init data (the NoCloud data source: `user-data` and `meta-data`).
 * @returns its absolute path
 * @throws PodmanBootcError `CLOUD_INIT_INVALID`
 */
export async function checkCloudInit(directory: string): Promise<string> {
  const path = resolve(directory);
  for (const name of ['user-data', 'meta-data']) {
    const isFile = await stat(join(path, name)).then(
      (file) => file.isFile(),
      () => false,
    );
    if (!isFile) {
      throw new PodmanBootcError(
        'usage',
        'CLOUD_INIT_INVALID',
        `Expected --cloudinit to name a directory with the files user-data and meta-data; ${path} has no ${name}`,
        { remedy: `Create it, it may be empty: touch ${join(directory, name)}` },
      );
    }
  }
  return path;
}

/**
 * Makes the ISO that cloud-init's NoCloud data source looks for: volume label `cidata`
 * (https://docs.cloud-init.io/en/latest/reference/datasources/nocloud.html).
 * @throws PodmanBootcError `ISO_FAILED`
 */
export async function makeCloudInitIso(directory: string, iso: string): Promise<void> {
  for (const maker of makers) {
    if (!(await isInstalled(maker.program))) continue;
    const result = await runProcess(maker.program, maker.args('cidata', iso, directory));
    if (result.exitCode === 0) return;
    throw new PodmanBootcError(
      'host',
      'ISO_FAILED',
      `${maker.program} could not make the cloud-init ISO of ${directory}`,
      {
        output: result.all,
      },
    );
  }
  throw new PodmanBootcError(
    'host',
    'ISO_FAILED',
    '--cloudinit needs a program that makes ISO images, and none is installed',
    {
      remedy: 'Install xorriso: apt install xorriso, dnf install xorriso or brew install xorriso',
    },
  );
}
