import { PodmanBootcError } from '../errors.js';
import { forEachVm } from './each.js';
import { openClient } from './open-client.js';
import type { GlobalOptions } from './options.js';
import { terminalReporter } from './terminal.js';

/** `podman-bootc rm VM…` and `podman-bootc rm --all` */
export async function rm(
  vms: string[],
  options: GlobalOptions & { force?: boolean; all?: boolean; purge?: boolean },
): Promise<void> {
  if ((vms.length === 0) === (options.all !== true)) {
    throw new PodmanBootcError(
      'usage',
      'OPTIONS_CONFLICT',
      options.all
        ? '--all removes every VM and cannot be combined with names'
        : 'Expected a VM to remove, or --all',
      { remedy: 'List the VMs with `podman-bootc list`' },
    );
  }
  await using client = await openClient(options);
  const chosen = options.all ? (await client.list()).map((vm) => vm.id) : vms;
  await forEachVm(chosen, async (nameOrId) => {
    const { name } = await client.remove(nameOrId, {
      force: options.force === true,
      purge: options.purge === true,
    });
    terminalReporter.info(`Removed ${name}`);
  });
}
