import { sshCommand } from '../../vm/virtual-machine.js';
import { listenForInterrupt } from './interrupt.js';
import { asRunOptions, type NewVmOptions } from './new-vm-options.js';
import { openClient } from './open-client.js';
import { showProgress } from '../output/progress.js';
import { setLogLevel, terminalReporter } from '../output/terminal.js';

/** `podman-bootc create IMAGE` */
export async function create(image: string, options: NewVmOptions & { wait?: boolean }): Promise<void> {
  if (options.quiet && options.logLevel === undefined) setLogLevel('error');
  const interrupt = listenForInterrupt();
  await using client = await openClient(options, interrupt.signal);
  const view = await showProgress(options);
  const vm = await client.create(image, asRunOptions(options), interrupt.signal);
  view.close('done');
  terminalReporter.info(
    `Made ${vm.name}; \`podman-bootc start ${vm.id}\` boots it, \`${sshCommand(vm)}\` gets in`,
  );
  process.stdout.write(`${vm.id}\n`);
}
