import { requireOrigin } from '../../vm/create/options.js';
import { sshCommand } from '../../vm/virtual-machine.js';
import { listenForInterrupt } from './interrupt.js';
import { askOnTerminal } from './ask.js';
import { asRunOptions } from './new-vm-options.js';
import { openClient } from './open-client.js';
import type { GlobalOptions, NewVmWords } from '../options.js';
import { showProgress, type ProgressOptions } from '../output/progress.js';
import { setLogLevel, terminalReporter } from '../output/terminal.js';

/** `podman-bootc create IMAGE`, or `--disk FILE` */
export async function create(
  image: string | undefined,
  words: NewVmWords,
  options: GlobalOptions & ProgressOptions,
): Promise<void> {
  const asked = asRunOptions(words);
  requireOrigin(image, asked);
  if (asked.quiet && options.logLevel === undefined) setLogLevel('error');
  const interrupt = listenForInterrupt();
  await using client = await openClient(options, interrupt.signal);
  const view = await showProgress(options);
  const vm = await client.create(image, { ...asked, confirm: askOnTerminal() }, interrupt.signal);
  view.close('done');
  terminalReporter.info(
    `Made ${vm.name}; \`podman-bootc start ${vm.id}\` boots it, \`${sshCommand(vm)}\` gets in`,
  );
  process.stdout.write(`${vm.id}\n`);
}
