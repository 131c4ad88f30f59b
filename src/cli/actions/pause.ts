import { forEachVm } from './each.js';
import { openClient } from './open-client.js';
import type { GlobalOptions } from '../options.js';
import { terminalReporter } from '../output/terminal.js';

/** `podman-bootc pause VM…` */
export async function pause(vms: string[], options: GlobalOptions): Promise<void> {
  await using client = await openClient(options);
  await forEachVm(vms, async (nameOrId) => {
    const vm = await client.find(nameOrId);
    const changed = await client.pause(vm);
    terminalReporter.info(
      changed
        ? `${vm.name} is paused; \`podman-bootc resume ${vm.id}\` lets it go on`
        : `${vm.name} is paused already`,
    );
  });
}

/** `podman-bootc resume VM…` */
export async function resume(vms: string[], options: GlobalOptions): Promise<void> {
  await using client = await openClient(options);
  await forEachVm(vms, async (nameOrId) => {
    const vm = await client.find(nameOrId);
    terminalReporter.info(
      (await client.resume(vm)) ? `${vm.name} goes on running` : `${vm.name} is not paused`,
    );
  });
}
