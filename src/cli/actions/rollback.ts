import { listenForInterrupt } from './interrupt.js';
import { openClient } from './open-client.js';
import type { GlobalOptions } from '../options.js';
import { showProgress, type ProgressOptions } from '../output/progress.js';
import { terminalReporter } from '../output/terminal.js';

/** `podman-bootc rollback VM` */
export async function rollback(
  nameOrId: string,
  options: GlobalOptions & ProgressOptions & { bootTimeout?: number },
): Promise<void> {
  const { signal } = listenForInterrupt();
  await using client = await openClient(options, signal);
  const view = await showProgress(options);
  const { vm, image } = await client.rollback(nameOrId, { timeout: options.bootTimeout, signal });
  view.close('done');
  terminalReporter.info(
    `${vm.name} runs what it ran before${image?.digest === undefined ? '' : `: ${image.reference} (${image.digest})`}`,
  );
}
