import type { PublishedPort } from '../../domain/ports.js';
import { PodmanBootcError } from '../../errors.js';
import { oneLine } from '../../terminal-text.js';
import { openClient } from './open-client.js';
import type { GlobalOptions } from '../options.js';

/** `podman-bootc port VM [PORT[/PROTOCOL]]` */
export async function port(
  nameOrId: string,
  wanted: string | undefined,
  options: GlobalOptions,
): Promise<void> {
  const isWanted = wanted === undefined ? () => true : parseGuestPort(wanted);
  await using client = await openClient(options);
  const vm = await client.find(nameOrId);
  const found = (await client.ports(vm)).filter(isWanted);
  if (found.length === 0) {
    throw new PodmanBootcError(
      'failure',
      'PORT_NOT_PUBLISHED',
      `The VM ${vm.name} publishes no port ${wanted ?? ''}`.trimEnd(),
      { remedy: `List what it publishes with \`podman-bootc port ${vm.id}\`` },
    );
  }
  const lines = found.map(({ guestPort, protocol, address, hostPort }) =>
    wanted === undefined ? `${guestPort}/${protocol} -> ${address}:${hostPort}` : `${address}:${hostPort}`,
  );
  process.stdout.write(lines.map((line) => `${oneLine(line)}\n`).join(''));
}

function parseGuestPort(word: string): (published: PublishedPort) => boolean {
  const [, number, protocol = 'tcp'] = /^(\d{1,5})(?:\/(tcp|udp))?$/.exec(word) ?? [];
  if (number === undefined) {
    throw new PodmanBootcError(
      'usage',
      'PORT_INVALID',
      `Expected a port of the guest such as 22 or 53/udp, got ${JSON.stringify(word)}`,
    );
  }
  return (published) => published.guestPort === Number(number) && published.protocol === protocol;
}
