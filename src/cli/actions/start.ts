import { sshCommand } from '../../vm/virtual-machine.js';
import { forEachVm } from './each.js';
import { openClient } from './open-client.js';
import type { GlobalOptions } from '../options.js';
import { terminalReporter } from '../output/terminal.js';

/** `podman-bootc start VM…` */
export async function start(vms: string[], options: GlobalOptions): Promise<void> {
  await using client = await openClient(options);
  await forEachVm(vms, async (nameOrId) => {
    const { vm, started } = await client.start(nameOrId);
    terminalReporter.info(
      `${vm.name} ${started ? 'has started' : 'is running already'}${client.isLocal ? `; get in with \`${sshCommand(vm)}\`` : ''}`,
    );
  });
}
