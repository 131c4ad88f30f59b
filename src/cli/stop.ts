import { forEachVm } from './each.js';
import { listenForInterrupt } from './interrupt.js';
import { openClient } from './open-client.js';
import type { GlobalOptions } from './options.js';
import { terminalReporter } from './terminal.js';

/** `podman-bootc stop VM…` */
export async function stop(vms: string[], options: GlobalOptions): Promise<void> {
  const { signal } = listenForInterrupt();
  await using client = await openClient(options, signal);
  await forEachVm(vms, async (nameOrId) => {
    signal.throwIfAborted();
    const vm = await client.find(nameOrId);
    const how = await client.stop(vm, { signal });
    terminalReporter.info(how === 'not running' ? `${vm.name} is not running` : `${vm.name} was ${how}`);
  });
}
