import { openClient } from './open-client.js';
import type { GlobalOptions } from '../options.js';
import { terminalReporter } from '../output/terminal.js';

/** `podman-bootc rename VM NAME` */
export async function rename(nameOrId: string, name: string, options: GlobalOptions): Promise<void> {
  await using client = await openClient(options);
  const vm = await client.find(nameOrId);
  await client.rename(vm, name);
  terminalReporter.info(`${vm.name} is named ${name} now`);
}
