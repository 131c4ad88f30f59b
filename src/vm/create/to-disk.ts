import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { convertDisk, formatByName, requireFormat, requireTarget } from '../../disk/convert.js';
import { fileFormats, type FileFormat } from '../../disk/file-formats.js';
import { fileSize } from '../../disk/qcow2.js';
import { option } from '../../option-text.js';
import { parseImageReference } from '../../podman/reference.js';
import { readPublicKeys } from '../../ssh/public-key.js';
import { removeBase } from '../disks/base-store.js';
import { requireUnused } from '../disks/disk-file.js';
import { recoverAbandoned } from '../disks/recover.js';
import type { Host } from '../host/host.js';
import { acquireLock } from '../host/lock.js';
import { checkChoice } from '../option-values.js';
import { holdBase } from './install.js';
import { checkRunOptions, type ImageOption, type RunOptions } from './options.js';
import { planInstall } from './plan-install.js';
import { findImage } from './provide-image.js';
import { chooseRequirements } from './requirements.js';

/** How an image is written to a file: what `run` may be told of image and install, and of the file. */
export interface ToDiskOptions extends Pick<
  RunOptions,
  // An overlay is of use only where its base is.
  Exclude<ImageOption, 'diskFormat'> | 'diskSize' | 'firmware' | 'confirm' | 'quiet'
> {
  /** Default: what the file's name ends in, else raw. */
  format?: FileFormat | undefined;
  /** Files of public keys that may log in as root wherever the disk is booted; default none. */
  rootSshKeys?: readonly string[] | undefined;
  /** Writes over a file that is there; default false. */
  overwrite?: boolean | undefined;
}

/** A disk that was written to a file. */
export interface WrittenDisk {
  /** Absolute. */
  path: string;
  format: FileFormat;
  /** Bytes that a guest sees. */
  size: number;
  /** Bytes that it takes. */
  allocated: number;
}

/**
 * Writes an image to a file, as a disk that boots: the base disk of the image, which is installed if there is none of that
 * size yet. The file appears when it is complete. A disk with keys in it is no VM's base, and is not kept as one.
 * @throws PodmanBootcError `TARGET_INVALID`, `FILE_EXISTS`, `DISK_IN_USE`, `FORMAT_UNAVAILABLE`, `SSH_KEY_INVALID`, `DISK_FULL`, `CONVERT_FAILED`,
 * those of `findImage`, `planInstall` and the install
 */
export async function writeToDisk(
  host: Host,
  reference: string,
  file: string,
  { format: asked, rootSshKeys = [], overwrite = false, ...options }: ToDiskOptions,
  signal?: AbortSignal,
): Promise<WrittenDisk> {
  const image = parseImageReference(reference);
  const files = await checkRunOptions(options);
  if (asked !== undefined) checkChoice(asked, option('format'), fileFormats);
  const keys = rootSshKeys.length === 0 ? [] : await readPublicKeys(rootSshKeys, 'rootSshKeys');
  const path = await requireTarget(file, overwrite);
  const format = asked ?? formatByName(path);
  await requireFormat(format);
  await recoverAbandoned(host);
  const hash = createHash('sha256').update(path).digest('hex').slice(0, 24);
  await using _name = await acquireLock(host, `file-${hash}`, { what: `the file ${path}`, signal });
  if (overwrite) await requireUnused(host, path);
  const chosen = await findImage(host, image, options, signal);
  const requirements = chooseRequirements(options, chosen.image.labels, (message) => {
    host.report.warn(message);
  });
  const plan = await planInstall(
    host,
    { ...chosen, options, files, requirements },
    { exact: true, rootKeys: keys.map(({ line }) => line) },
    signal,
  );
  let size: number;
  let isComplete = false;
  try {
    await using base = await holdBase(host, plan, signal);
    isComplete = true;
    ({ size } = await stat(base.path));
    await convertDisk({ from: base.path, to: path, format, overwrite }, host.report, signal);
  } finally {
    // An install that did not end well has its own way to be cleaned up after.
    if (isComplete && keys.length > 0) await removeBase(host, plan.base);
  }
  return { path, format, size, allocated: (await fileSize(path)).allocated };
}
