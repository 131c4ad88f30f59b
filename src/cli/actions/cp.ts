import { PodmanBootcError } from '../../errors.js';
import { listenForInterrupt } from './interrupt.js';
import { openClient } from './open-client.js';
import type { GlobalOptions } from '../options.js';

/** One end of a copy: a path on this host, or in a VM. */
export interface CopyEnd {
  /** Name or ID; absent for a path on this host. */
  vm?: string;
  path: string;
}

/** `podman-bootc cp SOURCE DESTINATION` */
export async function cp(
  source: string,
  destination: string,
  options: GlobalOptions & { user?: string; quiet?: boolean },
): Promise<void> {
  const [from, to] = [parseCopyEnd(source), parseCopyEnd(destination)];
  const nameOrId = from.vm ?? to.vm;
  if ((from.vm === undefined) === (to.vm === undefined) || nameOrId === undefined) {
    throw new PodmanBootcError(
      'usage',
      'COPY_ENDS',
      from.vm === undefined
        ? 'Expected one of the two paths to be in a VM, as VM:PATH'
        : 'Expected one of the two paths to be on this host, and both are in VMs',
      { remedy: from.vm === undefined ? 'For example web:/etc/hosts' : 'Copy by way of this host' },
    );
  }
  if (from.path === '') {
    throw new PodmanBootcError('usage', 'COPY_ENDS', `Expected a path to copy from, got '${source}'`);
  }
  const { signal } = listenForInterrupt();
  await using client = await openClient(options, signal);
  await client.copy(
    nameOrId,
    from.vm === undefined
      ? { local: from.path, remote: to.path, direction: 'to-guest' }
      : { local: to.path, remote: from.path, direction: 'from-guest' },
    { user: options.user, signal, progress: process.stderr.isTTY && options.quiet !== true },
  );
}

/**
 * Tells `VM:PATH` from a path on this host: a colon before the first slash makes the former, as for scp and podman. So
 * `./a:b` is a file here.
 */
export function parseCopyEnd(word: string): CopyEnd {
  const [, vm, path = ''] = /^([^/:]+):(.*)$/s.exec(word) ?? [];
  return vm === undefined ? { path: word } : { vm, path };
}
