import { codeOf } from '../errors.js';
import { runProcess } from '../process.js';
import type { AcceleratorProbe } from './probe.js';

/**
 * Whether macOS offers its Hypervisor framework: `sysctl kern.hv_support`, as Apple's documentation of
 * that framework says to ask. It is missing in most virtual machines.
 */
export async function probeHvf(): Promise<AcceleratorProbe> {
  return { ...(await support()), cached: false };
}

async function support(): Promise<Omit<AcceleratorProbe, 'cached'>> {
  if (process.platform !== 'darwin') return { usable: false, reason: 'HVF exists on macOS only' };
  try {
    const { stdout } = await runProcess('/usr/sbin/sysctl', ['-n', 'kern.hv_support']);
    return stdout.trim() === '1'
      ? { usable: true, reason: 'macOS offers its Hypervisor framework' }
      : { usable: false, reason: 'macOS offers no Hypervisor framework here (kern.hv_support is not 1)' };
  } catch (error) {
    if (codeOf(error) !== 'PROGRAM_NOT_FOUND') throw error;
    return {
      usable: false,
      reason: 'macOS cannot be asked for its Hypervisor framework: no /usr/sbin/sysctl',
    };
  }
}
