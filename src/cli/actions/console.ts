import { listenForInterrupt } from './interrupt.js';
import { openClient } from './open-client.js';
import type { GlobalOptions } from '../options.js';
import { attachConsole } from './console-session.js';
import { terminalReporter } from '../output/terminal.js';

/** `podman-bootc console VM` */
export async function console(vm: string, options: GlobalOptions & { force?: boolean }): Promise<void> {
  const interrupt = listenForInterrupt();
  await using client = await openClient(options, interrupt.signal);
  const found = await client.find(vm);
  const stream = await client.openConsole(found, { force: options.force, signal: interrupt.signal });
  terminalReporter.info(`Connected to ${found.name}; the escape is ^] (Ctrl and ])`);
  const end = await attachConsole(stream, process.stdin, process.stdout, interrupt.signal);
  if (end === 'ended') terminalReporter.info('\nThe console was closed: the VM stopped, or somebody took it');
}
