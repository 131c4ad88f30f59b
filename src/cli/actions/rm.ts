import { PodmanBootcError } from '../../errors.js';
import { labelFilter } from '../../vm/filter.js';
import { forEachVm } from './each.js';
import { openClient } from './open-client.js';
import type { GlobalOptions } from '../options.js';
import { terminalReporter } from '../output/terminal.js';

/** `podman-bootc rm VM…`, `podman-bootc rm --all` and `podman-bootc rm --label LABEL` */
export async function rm(
  vms: string[],
  options: GlobalOptions & { force?: boolean; all?: boolean; label?: string[]; purge?: boolean },
): Promise<void> {
  checkChoice(vms, options);
  const filter = options.label && { labels: options.label.map(labelFilter) };
  await using client = await openClient(options);
  client.requireLocal('rm');
  const chosen = options.all || filter ? (await client.list(filter)).map((vm) => vm.id) : vms;
  if (chosen.length === 0) terminalReporter.info('There is no VM to remove');
  await forEachVm(chosen, async (nameOrId) => {
    const { name } = await client.remove(nameOrId, {
      force: options.force === true,
      purge: options.purge === true,
    });
    terminalReporter.info(`Removed ${name}`);
  });
}

/** Exactly one way of saying which VMs. */
function checkChoice(vms: string[], options: { all?: boolean; label?: string[] }): void {
  const ways = [vms.length > 0, options.all === true, options.label !== undefined].filter(Boolean);
  if (ways.length === 1) return;
  const sentence =
    ways.length === 0
      ? 'Expected a VM to remove, or --all or --label'
      : options.all === true
        ? '--all removes every VM and cannot be combined with names or --label'
        : '--label says which VMs, and cannot be combined with names';
  throw new PodmanBootcError('usage', 'OPTIONS_CONFLICT', sentence, {
    remedy: 'List the VMs with `podman-bootc list`',
  });
}
