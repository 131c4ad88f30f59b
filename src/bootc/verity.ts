import { access } from 'node:fs/promises';
import { option } from '../option-text.js';
import { runPodman, type PodmanEngine } from '../podman/engine.js';

// The ext4 driver shows it when the kernel was built with fs-verity (fs/ext4/sysfs.c), for whichever file system.
const features = '/sys/fs/ext4/features';
const script = `[ -d ${features} ] || exit 3; [ -e ${features}/verity ] || exit 4`;

/**
 * Whether the kernel of an engine's host has fs-verity; undefined where it does not tell.
 * @param reference an image with a shell, for an engine on another host
 */
export async function hasVerity(
  engine: PodmanEngine,
  reference: string,
  signal?: AbortSignal,
): Promise<boolean | undefined> {
  if (engine.kind === 'local') return await hasLocalVerity();
  const { exitCode } = await runPodman(
    engine,
    ['run', '--rm', '--pull', 'never', '--network', 'none', '--entrypoint', 'sh', reference, '-c', script],
    { signal },
  );
  return exitCode === 0 ? true : exitCode === 4 ? false : undefined;
}

/** Whether this host's kernel has fs-verity; undefined where it does not tell. */
export async function hasLocalVerity(directory = features): Promise<boolean | undefined> {
  const exists = (path: string): Promise<boolean> =>
    access(path).then(
      () => true,
      () => false,
    );
  return (await exists(directory)) ? await exists(`${directory}/verity`) : undefined;
}

/** What is to be said before an install by composefs whose first update would fail; undefined when all is well. */
export function verityWarning(
  filesystem: string,
  bootcArgs: readonly string[],
  isThere: boolean | undefined,
  hasUki: boolean,
): string | undefined {
  // bootc itself expects none of xfs.
  if (isThere !== false || filesystem === 'xfs') return undefined;
  if (!hasUki && bootcArgs.includes('--allow-missing-verity')) return undefined;
  return `The kernel of the podman host has no fs-verity (CONFIG_FS_VERITY): bootc installs to ${filesystem} without it and says nothing, and the first update inside the VM fails; ${
    hasUki
      ? 'install on a host that has it'
      : `use ${option('filesystem', 'xfs')}, or ${option('bootcArgs', '--allow-missing-verity')}, or install on a host that has it`
  }`;
}
