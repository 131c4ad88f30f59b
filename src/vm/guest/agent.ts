import { hasAddress } from '../../boot/addresses.js';
import { parseServices, servicesScript, type GuestServices } from '../../boot/services.js';
import type { VirtualMachine } from '../virtual-machine.js';

/** Milliseconds between two looks at a command that the guest runs; the agent tells of no end. */
const pollInterval = 100;
/** Seconds for one answer of the agent. */
const patience = 5;

/**
 * Asks the guest's agent about its services.
 * @returns undefined where no agent answers, or it runs no commands (Fedora and RHEL forbid it by default)
 */
export async function askServices(
  vm: VirtualMachine,
  signal: AbortSignal,
): Promise<GuestServices | undefined> {
  try {
    const started = (await vm.domain.agentCommand(
      {
        execute: 'guest-exec',
        arguments: { path: '/bin/sh', arg: ['-c', servicesScript], 'capture-output': true },
      },
      { timeout: patience, signal },
    )) as { pid: number };
    for (;;) {
      const status = (await vm.domain.agentCommand(
        { execute: 'guest-exec-status', arguments: { pid: started.pid } },
        { timeout: patience, signal },
      )) as { exited: boolean; 'out-data'?: string };
      if (status.exited)
        return parseServices(Buffer.from(status['out-data'] ?? '', 'base64').toString('utf8'));
      await new Promise((resolve) => setTimeout(resolve, pollInterval));
      signal.throwIfAborted();
    }
  } catch {
    // Whatever hinders the agent, there are other ways to know.
    return undefined;
  }
}

/**
 * Asks the guest's agent whether the guest has an address that others can reach. Also Fedora's and RHEL's agent answers.
 * @returns undefined where no agent answers
 */
export async function askAddress(vm: VirtualMachine, signal: AbortSignal): Promise<boolean | undefined> {
  try {
    const command = { execute: 'guest-network-get-interfaces' };
    return hasAddress(await vm.domain.agentCommand(command, { timeout: patience, signal }));
  } catch {
    return undefined;
  }
}
