import { forwardAddress, guestSshPort } from '../../domain/devices/network.js';
import type { PublishedPort } from '../../domain/ports.js';
import type { VirtualMachine } from '../virtual-machine.js';

/** The ports of the host that lead to a VM, SSH's first. */
export function publishedPorts({ metadata }: VirtualMachine): PublishedPort[] {
  const ssh = {
    protocol: 'tcp',
    address: forwardAddress,
    hostPort: metadata.ssh.port,
    guestPort: guestSshPort,
  } as const;
  return [ssh, ...(metadata.ports ?? [])];
}
