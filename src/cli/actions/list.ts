import { basename } from 'node:path';
import { madeOf } from '../../domain/metadata.js';
import { parseFilter } from '../../vm/filter.js';
import type { LeftBehindVirtualMachine } from '../../vm/left-behind.js';
import { isActiveState, type ListedVirtualMachine } from '../../vm/virtual-machine.js';
import { formatAge, formatDecimalSize, formatTable } from '../output/format.js';
import { oneLine } from '../../terminal-text.js';
import { openClient } from './open-client.js';
import type { GlobalOptions } from '../options.js';
import type { RowWithoutDomain } from '../output/vm-json.js';

/** What `list` may be told. */
export interface ListOptions extends GlobalOptions {
  format?: string;
  quiet?: boolean;
  /** Also what is left of VMs that libvirt has lost. */
  all?: boolean;
  /** False with --no-trunc. */
  trunc?: boolean;
  filter?: string[];
}

/** `podman-bootc list` */
export async function list(options: ListOptions): Promise<void> {
  const filter = options.filter && parseFilter(options.filter);
  const format = options.format ?? 'table';
  const shownId = (vm: { id: string; uuid: string }): string => (options.trunc === false ? vm.uuid : vm.id);
  const write =
    options.quiet === true || format === 'table'
      ? undefined
      : await (await import('../output/output-format.js')).machineFormat(format, 'list');
  await using client = await openClient(options);
  if (options.quiet) {
    // What other commands take: a VM that has no domain is none of that.
    const vms = await client.list(filter);
    process.stdout.write(vms.map((vm) => `${shownId(vm)}\n`).join(''));
    return;
  }
  const [vms, unfinished, left] = await Promise.all([
    client.list(filter),
    client.listUnfinished(filter),
    options.all ? client.listLeftBehind(filter) : [],
  ]);
  const without = [...unfinished, ...left.map(asUnfinished)];
  if (write) {
    const { listedJson, withoutDomainJson } = await import('../output/vm-json.js');
    process.stdout.write(await write([...vms.map(listedJson), ...without.map(withoutDomainJson)]));
  } else process.stdout.write(vmTable(vms, without, shownId));
}

function asUnfinished({ id, uuid, name, image, state, since }: LeftBehindVirtualMachine): RowWithoutDomain {
  return { id, uuid, name: name ?? id, image: image ?? '', state, since };
}

/** What it was made of: a disk of the user's by the name of its file. */
function shortly({ metadata }: ListedVirtualMachine): string {
  return metadata.source ? basename(metadata.source.path) : madeOf(metadata);
}

function vmTable(
  vms: readonly ListedVirtualMachine[],
  withoutDomain: readonly RowWithoutDomain[],
  shownId: (vm: { id: string; uuid: string }) => string,
): string {
  return formatTable(
    ['ID', 'REPO', 'NAME', 'SIZE', 'CREATED', 'RUNNING', 'SSH PORT'],
    [
      ...vms.map((vm) => [
        shownId(vm),
        oneLine(shortly(vm)),
        oneLine(vm.name),
        vm.metadata.disk ? formatDecimalSize(vm.metadata.disk.size) : '',
        formatAge(vm.metadata.created),
        String(isActiveState(vm.state)),
        String(vm.metadata.ssh.port),
      ]),
      // prettier-ignore
      ...withoutDomain.map((vm) => [shownId(vm), oneLine(vm.image), oneLine(vm.name), '', formatAge(vm.since), vm.state, '']),
    ],
  );
}
