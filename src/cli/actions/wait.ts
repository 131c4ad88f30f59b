import type { AwaitedState } from '../../vm/boot/wait.js';
import { listenForInterrupt } from './interrupt.js';
import { openClient } from './open-client.js';
import type { GlobalOptions } from '../options.js';
import { printFailure, terminalReporter } from '../output/terminal.js';

/** What each state is called when it is there. */
const reached = { running: 'is running', ssh: 'can be logged in to', stopped: 'is stopped' } as const;

/** `podman-bootc wait VM…` */
export async function wait(
  vms: string[],
  options: GlobalOptions & { state: AwaitedState; timeout?: number },
): Promise<void> {
  const { signal } = listenForInterrupt();
  await using client = await openClient(options, signal);
  if (options.state === 'ssh') client.requireLocal('wait --state ssh');
  // At the same time: what one waits for may pass while another is waited for.
  await Promise.all(
    [...new Set(vms)].map(async (nameOrId) => {
      try {
        const vm = await client.find(nameOrId);
        await client.waitFor(vm, options.state, { timeout: options.timeout, signal });
        terminalReporter.info(`${vm.name} ${reached[options.state]}`);
      } catch (error) {
        const exitCode = printFailure(error);
        process.exitCode ??= exitCode;
      }
    }),
  );
}
