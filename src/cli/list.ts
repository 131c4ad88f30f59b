import { isActiveState, type ListedVirtualMachine } from '../vm/virtual-machine.js';
import { formatAge, formatDecimalSize, formatJson, formatTable, oneLine } from './format.js';
import { openClient } from './open-client.js';
import type { GlobalOptions } from './options.js';

/** `podman-bootc list` */
export async function list(options: GlobalOptions & { format?: string; quiet?: boolean }): Promise<void> {
  await using client = await openClient(options);
  const vms = await client.list();
  if (options.quiet) process.stdout.write(vms.map((vm) => `${vm.id}\n`).join(''));
  else if (options.format === 'json') process.stdout.write(formatJson(vms.map(vmAsJson)));
  else process.stdout.write(vmTable(vms));
}

/** A VM as `list --format json` prints it. Keys are only ever added. */
export function vmAsJson(vm: ListedVirtualMachine): Record<string, unknown> {
  const { image, install, disk, ssh, created } = vm.metadata;
  return {
    id: vm.id,
    uuid: vm.uuid,
    name: vm.name,
    state: vm.state,
    running: isActiveState(vm.state),
    created,
    image: { reference: image.reference, id: image.id, digest: image.digest ?? null },
    disk: { path: disk.path, format: disk.format, size: disk.size },
    filesystem: install.filesystem ?? null,
    ssh: { host: '127.0.0.1', port: ssh.port, user: ssh.user },
  };
}

function vmTable(vms: readonly ListedVirtualMachine[]): string {
  return formatTable(
    ['ID', 'REPO', 'NAME', 'SIZE', 'CREATED', 'RUNNING', 'SSH PORT'],
    vms.map((vm) => [
      vm.id,
      oneLine(vm.metadata.image.reference),
      oneLine(vm.name),
      formatDecimalSize(vm.metadata.disk.size),
      formatAge(vm.metadata.created),
      String(isActiveState(vm.state)),
      String(vm.metadata.ssh.port),
    ]),
  );
}
