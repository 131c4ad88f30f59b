import { chmod, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { PodmanBootcError } from '../errors.js';
import { isInstalled, runProcess } from '../process.js';
import { checkCloudInitFiles } from './cloud-init-files.js';

/**
 * What cloud-init's NoCloud data source looks for
 * (https://docs.cloud-init.io/en/latest/reference/datasources/nocloud.html).
 */
const volumeLabel = 'cidata';

/** Arguments of mkisofs, whose command line the others took over. */
const mkisofs = (iso: string, directory: string): string[] => [
  '-quiet',
  '-V',
  volumeLabel,
  '-J',
  '-R',
  '-o',
  iso,
  directory,
];

/** Programs that make an ISO 9660 image of a directory, first choice first, and their arguments. */
const makers: Readonly<Record<string, (iso: string, directory: string) => string[]>> = {
  xorriso: (iso, directory) => ['-as', 'mkisofs', ...mkisofs(iso, directory)],
  genisoimage: mkisofs,
  mkisofs,
  // Part of macOS.
  hdiutil: (iso, directory) => [
    'makehybrid',
    '-quiet',
    '-iso',
    '-joliet',
    '-default-volume-name',
    volumeLabel,
    '-o',
    iso,
    directory,
  ],
};

/** The programs of which one is needed, first choice first. */
export const isoPrograms: readonly string[] = Object.keys(makers);

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
  await checkCloudInitFiles(path);
  return path;
}

/**
 * Makes the ISO 9660 image with cloud-init's data.
 * @throws PodmanBootcError `ISO_FAILED`
 */
export async function makeCloudInitIso(directory: string, iso: string): Promise<void> {
  for (const [program, args] of Object.entries(makers)) {
    if (!(await isInstalled(program))) continue;
    // In our user's locale: it converts the names of files.
    const result = await runProcess(program, args(iso, directory), { locale: 'ours' });
    if (result.exitCode === 0) {
      // user-data may hold passwords.
      await chmod(iso, 0o600);
      return;
    }
    throw new PodmanBootcError(
      'host',
      'ISO_FAILED',
      `${program} could not make the cloud-init ISO of ${directory}`,
      { output: result.all },
    );
  }
  throw new PodmanBootcError(
    'host',
    'ISO_FAILED',
    '--cloudinit needs a program that makes ISO images, and none is installed',
    { remedy: 'Install xorriso: apt install xorriso, dnf install xorriso or brew install xorriso' },
  );
}
