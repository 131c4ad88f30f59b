import { open, readFile, stat } from 'node:fs/promises';
import { release } from 'node:os';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { hasLocalVerity } from '../bootc/verity.js';
import { codeOf, messageOf } from '../errors.js';
import { findProgram } from '../process.js';
import { from, type Examination } from './examination.js';
import type { Outcome } from './finding.js';

/*
 * What `bootc install to-disk` needs of the host it runs on, beside loop devices; seen with bootc 1.16.9. Without
 * most of it new images cannot be installed; VMs of images that were installed before run all the same, and older versions
 * of bootc need less: so all are warnings.
 */

/** Where this host says what the checks look at; tests have others. */
export const hostPaths = {
  mountNamespace: '/proc/1/ns/mnt',
  udev: '/run/udev',
  filesystems: '/proc/filesystems',
  modules: '/lib/modules',
  configurations: ['/proc/config.gz', `/boot/config-${release()}`, `/lib/modules/${release()}/config`],
  ext4Features: '/sys/fs/ext4/features',
};
export type HostPaths = typeof hostPaths;

/** The finding where the install runs elsewhere; undefined where it runs here. */
async function elsewhere(e: Examination): Promise<Outcome | undefined> {
  const { engine } = await from('PB011', e.engine);
  return engine.connection === undefined
    ? undefined
    : { status: 'ok', finding: `Not needed here: connection ${engine.connection} installs` };
}

const sudo = (command: string): string => (process.getuid?.() === 0 ? command : `sudo ${command}`);

/** PB020 */
export async function checkNamespaces(e: Examination): Promise<Outcome> {
  return (await elsewhere(e)) ?? (await lookAtNamespace());
}

/** Only who may enter it can open it (namespaces(7)). */
export async function lookAtNamespace(paths: HostPaths = hostPaths): Promise<Outcome> {
  try {
    await (await open(paths.mountNamespace)).close();
    return { status: 'ok', finding: "bootc may enter process 1's namespaces" };
  } catch (error) {
    // The container that would be asked is root's.
    if (codeOf(error) === 'EACCES' && process.getuid?.() !== 0)
      return {
        status: 'ok',
        finding: "Not known: root's container may enter process 1's namespaces, or not",
      };
    return {
      status: 'warning',
      finding: `bootc cannot enter process 1's namespaces, and new images cannot be installed here: ${messageOf(error)}`,
    };
  }
}

/** PB021 */
export async function checkUdev(e: Examination): Promise<Outcome> {
  return (await elsewhere(e)) ?? (await lookAtUdev());
}

export async function lookAtUdev(paths: HostPaths = hostPaths): Promise<Outcome> {
  const udevadm = await findProgram('udevadm', ['/bin', '/usr/bin', '/sbin', '/usr/sbin']);
  // Its socket is there for as long as it runs (systemd-udevd.service(8)).
  const runs = await stat(`${paths.udev}/control`).then(
    () => true,
    () => false,
  );
  if (runs && udevadm !== undefined) return { status: 'ok', finding: 'udev runs' };
  return {
    status: 'warning',
    finding: `${runs ? 'udevadm was not found' : `udev does not run (no ${paths.udev}/control)`}, and bootc waits for it: new images cannot be installed here`,
    fix: runs ? undefined : sudo('systemctl start systemd-udevd'),
  };
}

/** PB022 */
export async function checkGpt(e: Examination): Promise<Outcome> {
  return (await elsewhere(e)) ?? (await lookAtGpt());
}

export async function lookAtGpt(paths: HostPaths = hostPaths): Promise<Outcome> {
  const configuration = await kernelConfiguration(paths);
  if (configuration === undefined)
    return { status: 'ok', finding: 'Not known: this kernel does not show its configuration' };
  return /^CONFIG_EFI_PARTITION=y/m.test(configuration)
    ? { status: 'ok', finding: 'The kernel reads GPT' }
    : {
        status: 'warning',
        finding:
          'The kernel does not read GPT (CONFIG_EFI_PARTITION), and bootc finds no partitions: new images cannot be installed here',
      };
}

/** PB023 */
export async function checkVfat(e: Examination): Promise<Outcome> {
  return (await elsewhere(e)) ?? (await lookAtVfat());
}

export async function lookAtVfat(paths: HostPaths = hostPaths): Promise<Outcome> {
  const known = await readText(paths.filesystems);
  if (/\tvfat$/m.test(known ?? '')) return { status: 'ok', finding: 'The kernel has vfat' };
  const directory = `${paths.modules}/${release()}`;
  const lists = await Promise.all(
    ['modules.dep', 'modules.builtin'].map((name) => readText(`${directory}/${name}`)),
  );
  if (lists.some((list) => (list ?? '').includes('/vfat.ko')))
    return { status: 'ok', finding: 'The kernel has a module for vfat' };
  return {
    status: 'warning',
    finding:
      'The kernel has no vfat, in which the EFI system partition is: bootc cannot install new images here',
    fix: sudo('modprobe vfat'),
  };
}

/** PB024 */
export async function checkVerity(e: Examination): Promise<Outcome> {
  return (await elsewhere(e)) ?? (await lookAtVerity());
}

export async function lookAtVerity(paths: HostPaths = hostPaths): Promise<Outcome> {
  const isThere =
    (await hasLocalVerity(paths.ext4Features)) ??
    (await kernelConfiguration(paths).then((text) =>
      text === undefined ? undefined : /^CONFIG_FS_VERITY=y/m.test(text),
    ));
  if (isThere === undefined)
    return { status: 'ok', finding: 'Not known: the ext4 driver of this kernel is not loaded' };
  return isThere
    ? { status: 'ok', finding: 'The kernel has fs-verity' }
    : {
        status: 'warning',
        finding:
          "The kernel has no fs-verity (CONFIG_FS_VERITY): images for bootc's composefs backend can be installed to ext4 here, and not updated (--filesystem xfs can)",
      };
}

/** The configuration that the running kernel was built with, where it can be read. */
async function kernelConfiguration({ configurations }: HostPaths): Promise<string | undefined> {
  for (const path of configurations) {
    const bytes = await readFile(path).catch(() => undefined);
    if (bytes) return (path.endsWith('.gz') ? await promisify(gunzip)(bytes) : bytes).toString('utf8');
  }
  return undefined;
}

function readText(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}
