import { printFailure } from '../output/terminal.js';

/**
 * Does something for each of several VMs. One that fails is reported and does not keep the others from their
 * turn; the exit code is the first failure's.
 */
export async function forEachVm(
  vms: readonly string[],
  operation: (vm: string) => Promise<void>,
): Promise<void> {
  for (const vm of new Set(vms)) {
    try {
      await operation(vm);
    } catch (error) {
      const exitCode = printFailure(error);
      process.exitCode ??= exitCode;
    }
  }
}
