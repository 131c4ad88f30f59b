import { listenForInterrupt } from './interrupt.js';
import { openClient } from './open-client.js';
import type { GlobalOptions } from '../options.js';

/** `podman-bootc ssh VM [COMMAND…]` */
export async function ssh(
  vm: string,
  command: string[],
  options: GlobalOptions & { user?: string },
): Promise<void> {
  const interrupt = listenForInterrupt();
  await using client = await openClient(options, interrupt.signal);
  process.exitCode = await client.openSession(vm, command, {
    user: options.user,
    signal: interrupt.signal,
    onReady: () => {
      interrupt.release();
    },
  });
}
