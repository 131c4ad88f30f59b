import { chmod, copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { codeOf, messageOf, PodmanBootcError } from '../../errors.js';
import { option } from '../../option-text.js';
import { isInstalled, runProcess } from '../../process.js';
import { checkCloudInitFiles } from './cloud-init-files.js';
import type { Reporter } from '../../report.js';
import { changesHostKeys, vendorDataWith } from './vendor-data.js';

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
  const isFile = (name: string): Promise<boolean> =>
    stat(join(path, name)).then(
      (file) => file.isFile(),
      () => false,
    );
  for (const name of ['user-data', 'meta-data']) {
    if (!(await isFile(name))) {
      throw new PodmanBootcError(
        'usage',
        'CLOUD_INIT_INVALID',
        `Expected ${option('cloudInit')} to name a directory with the files user-data and meta-data; ${path} has no ${name}`,
        { remedy: `Create it, it may be empty: touch ${join(directory, name)}` },
      );
    }
  }
  await checkCloudInitFiles(path);
  if ((await readdir(path)).includes('vendor-data') && !(await isFile('vendor-data'))) {
    throw new PodmanBootcError(
      'usage',
      'CLOUD_INIT_INVALID',
      `Expected vendor-data in the directory of ${option('cloudInit')} to be a file; that of ${path} is none`,
      { remedy: 'Leave it out, or make it a file' },
    );
  }
  return path;
}

/** Says of a checked directory when its data make cloud-init replace the host key that the guest is handed. */
export async function tellOfHostKeys(report: Reporter, directory: string): Promise<void> {
  for (const name of ['user-data', 'vendor-data']) {
    const data = await readOptional(join(directory, name));
    const setting = data && changesHostKeys(data);
    if (setting === undefined) continue;
    report.warn(
      `The ${name} of ${option('cloudInit')} says ${setting}: the guest gets another host key at its first boot, which is believed when its console shows it`,
    );
  }
}

/**
 * Makes the ISO 9660 image with cloud-init's data, and with vendor-data by which it keeps the host key.
 * @throws PodmanBootcError `ISO_FAILED`
 */
export async function makeCloudInitIso(directory: string, iso: string): Promise<void> {
  const copy = `${iso}.d`;
  try {
    const vendorData = vendorDataWith(await readOptional(join(directory, 'vendor-data')));
    if (vendorData === undefined) {
      await makeIso(directory, iso, directory);
      return;
    }
    await copyFiles(directory, copy);
    // The user's may be read-only.
    await rm(join(copy, 'vendor-data'), { force: true });
    await writeFile(join(copy, 'vendor-data'), vendorData);
    await makeIso(copy, iso, directory);
  } catch (error) {
    if (error instanceof PodmanBootcError) throw error;
    throw new PodmanBootcError(
      'host',
      'ISO_FAILED',
      `The cloud-init data in ${directory} cannot be copied: ${messageOf(error)}`,
      { remedy: 'Check that you may read all that is in it', cause: error },
    );
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

/** Copies a directory's files, also where links lead to them: in the guest they would lead nowhere. */
async function copyFiles(from: string, to: string): Promise<void> {
  // Not with its mode: what cannot be written to cannot be removed.
  await mkdir(to, { mode: 0o700 });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isDirectory()) await copyFiles(source, target);
    else if ((await stat(source).catch(() => undefined))?.isFile()) await copyFile(source, target);
  }
}

async function readOptional(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** @param name of the data, for messages */
async function makeIso(directory: string, iso: string, name: string): Promise<void> {
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
      `${program} could not make the cloud-init ISO of ${name}`,
      { output: result.all },
    );
  }
  throw new PodmanBootcError(
    'host',
    'ISO_FAILED',
    `${option('cloudInit')} needs a program that makes ISO images, and none is installed`,
    { remedy: 'Install xorriso: apt install xorriso, dnf install xorriso or brew install xorriso' },
  );
}
