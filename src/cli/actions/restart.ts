import { sshCommand } from '../../vm/virtual-machine.js';
import { forEachVm } from './each.js';
import { listenForInterrupt } from './interrupt.js';
import { openClient } from './open-client.js';
import { stopOptions, type StopCommandOptions } from './stop.js';
import { terminalReporter } from '../output/terminal.js';

/** `podman-bootc restart VM…` */
export async function restart(vms: string[], options: StopCommandOptions): Promise<void> {
  const { signal } = listenForInterrupt();
  await using client = await openClient(options, signal);
  await forEachVm(vms, async (nameOrId) => {
    signal.throwIfAborted();
    const vm = await client.restart(nameOrId, stopOptions(options, signal));
    terminalReporter.info(`${vm.name} has started; get in with \`${sshCommand(vm)}\``);
  });
}
