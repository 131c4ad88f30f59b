import type { StopOptions } from '../../vm/power/stop.js';
import { forEachVm } from './each.js';
import { listenForInterrupt } from './interrupt.js';
import { openClient } from './open-client.js';
import type { GlobalOptions } from '../options.js';
import { terminalReporter } from '../output/terminal.js';

/** What `stop` and `restart` may be told. */
export interface StopCommandOptions extends GlobalOptions {
  /** Milliseconds. */
  timeout?: number;
  force?: boolean;
}

/** `podman-bootc stop VM…` */
export async function stop(vms: string[], options: StopCommandOptions): Promise<void> {
  const { signal } = listenForInterrupt();
  await using client = await openClient(options, signal);
  await forEachVm(vms, async (nameOrId) => {
    signal.throwIfAborted();
    const vm = await client.find(nameOrId, { toEnd: true });
    const how = await client.stop(vm, stopOptions(options, signal));
    terminalReporter.info(how === 'not running' ? `${vm.name} is not running` : `${vm.name} was ${how}`);
  });
}

/** The library's words for what the command line said. */
export function stopOptions({ timeout, force }: StopCommandOptions, signal: AbortSignal): StopOptions {
  return { timeout, force, signal };
}
