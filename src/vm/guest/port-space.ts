import { forwardAddress } from '../../domain/devices/network.js';
import { portText, wantSamePort, type PublishedPort } from '../../domain/ports.js';
import { codeOf, PodmanBootcError } from '../../errors.js';
import { option } from '../../option-text.js';
import type { Host } from '../host/host.js';
import { keptPorts } from '../files/kept-definition.js';
import { isActiveState, listVirtualMachines, type VirtualMachine } from '../virtual-machine.js';

/**
 * A free port that no VM has in its record either: also those that do not run keep theirs, and those of another libvirt of
 * this user.
 */
export async function unclaimedPort(host: Host, except: readonly PublishedPort[] = []): Promise<number> {
  const vms = await listVirtualMachines(host);
  const claimed = new Set([
    ...vms.flatMap(({ metadata }) => [metadata.ssh.port, ...(metadata.ports ?? []).map(hostPortOf)]),
    ...except.map(hostPortOf),
    ...(await keptPorts(host.directories)),
  ]);
  for (;;) {
    const port = await host.ports.free();
    if (!claimed.has(port)) return port;
  }
}

function hostPortOf({ hostPort }: PublishedPort): number {
  return hostPort;
}

/** Whether a port on 127.0.0.1 is taken; false where that cannot be seen, because libvirt starts VMs on another host. */
export async function isPortTaken(host: Host, hostPort: number): Promise<boolean> {
  if (!host.features.ports) return false;
  try {
    await host.ports.try({ protocol: 'tcp', address: forwardAddress, hostPort });
    return false;
  } catch (error) {
    if (codeOf(error) === 'EADDRINUSE' || codeOf(error) === 'EACCES') return true;
    throw error;
  }
}

/**
 * Makes sure that published ports can be listened on now, as far as that can be seen. QEMU would name the first that cannot, in
 * words of its own.
 * @param except whose ports count as free
 * @throws PodmanBootcError `PORT_TAKEN`, `PORT_UNUSABLE`
 */
export async function requirePortsFree(
  host: Host,
  ports: readonly PublishedPort[],
  except?: VirtualMachine,
): Promise<void> {
  if (!host.features.ports) return;
  for (const port of ports) {
    if (except?.metadata.ports?.some((other) => wantSamePort(other, port))) continue;
    try {
      await host.ports.try(port);
    } catch (error) {
      throw (await portError(host, port, codeOf(error))) ?? error;
    }
  }
}

async function portError(
  host: Host,
  port: PublishedPort,
  code: string | undefined,
): Promise<PodmanBootcError | undefined> {
  const what = `Port ${port.hostPort} of ${port.address}, to be published as ${portText(port)},`;
  if (code === 'EADDRINUSE') {
    const owner = await findOwner(host, port);
    return new PodmanBootcError(
      'host',
      'PORT_TAKEN',
      `${what} is taken by ${owner === undefined ? 'another process' : `the VM ${owner}`}`,
      {
        remedy:
          owner === undefined
            ? `See which with \`ss -lpn 'sport = :${port.hostPort}'\`, or publish another`
            : `Stop it with \`podman-bootc stop ${owner}\`, or publish another`,
      },
    );
  }
  if (code === 'EACCES') {
    return new PodmanBootcError('host', 'PORT_UNUSABLE', `${what} may be listened on by root only`, {
      remedy: `Publish one from 1024 on, for example ${option('ports', '8080:80')}`,
    });
  }
  if (code === 'EADDRNOTAVAIL') {
    return new PodmanBootcError('host', 'PORT_UNUSABLE', `${what} cannot be: this host has no such address`, {
      remedy: 'List its addresses with `ip address`; 0.0.0.0 stands for all of them',
    });
  }
  return undefined;
}

async function findOwner(host: Host, port: PublishedPort): Promise<string | undefined> {
  const vms = await listVirtualMachines(host);
  return vms.find(
    ({ state, metadata }) =>
      isActiveState(state) &&
      [
        { protocol: 'tcp' as const, address: forwardAddress, hostPort: metadata.ssh.port },
        ...(metadata.ports ?? []),
      ].some((other) => wantSamePort(other, port)),
  )?.name;
}
