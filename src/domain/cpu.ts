import type { DomainSpecification } from './specification.js';
import { element, type XmlElement } from './xml.js';

/**
 * `<cpu>`: the host's own with hardware help, all that TCG can emulate without. The default model of both machine types
 * is too old for the x86-64-v2 and -v3 baselines of current distributions. Left to QEMU where libvirt doesn't offer the
 * mode.
 */
export function cpuElement(
  spec: Pick<DomainSpecification, 'domainType' | 'capabilities'>,
): XmlElement | undefined {
  const mode = spec.domainType === 'qemu' ? 'maximum' : 'host-passthrough';
  return spec.capabilities.cpuModes.includes(mode) ? element('cpu', { mode }) : undefined;
}
