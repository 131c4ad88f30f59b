import { sshCommand } from '../vm/virtual-machine.js';
import { listenForInterrupt } from './interrupt.js';
import { asRunOptions, type NewVmOptions } from './new-vm-options.js';
import { openClient } from './open-client.js';
import { setLogLevel, terminalReporter } from './terminal.js';

/** `podman-bootc create IMAGE` */
export async function create(image: string, options: NewVmOptions): Promise<void> {
  if (options.quiet && options.logLevel === undefined) setLogLevel('warn');
  const interrupt = listenForInterrupt();
  await using client = await openClient(options, interrupt.signal);
  const vm = await client.create(image, asRunOptions(options), interrupt.signal);
  terminalReporter.info(
    `Made ${vm.name}; \`podman-bootc start ${vm.id}\` boots it, \`${sshCommand(vm)}\` gets in`,
  );
  process.stdout.write(`${vm.id}\n`);
}
