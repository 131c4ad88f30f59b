import { openClient } from './open-client.js';
import type { GlobalOptions } from '../options.js';
import { terminalReporter } from '../output/terminal.js';

/** `podman-bootc adopt VM` */
export async function adopt(nameOrId: string, options: GlobalOptions & { name?: string }): Promise<void> {
  await using client = await openClient(options);
  const vm = await client.adopt(nameOrId, { name: options.name });
  terminalReporter.info(`${vm.name} has its domain back: start it with \`podman-bootc start ${vm.id}\``);
}
