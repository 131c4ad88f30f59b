import { dirname } from 'node:path';
import { readDomain } from '../domain/edit.js';
import { madeOf } from '../domain/metadata.js';
import { DamagedRecord, writeDurably } from '../durable-file.js';
import { messageOf } from '../errors.js';
import { inodeOf, isOf, readKeptDefinition, type KeptDefinition } from './files/kept-definition.js';
import type { Host } from './host/host.js';
import { localDirectoryOf, type VirtualMachine } from './virtual-machine.js';

/**
 * Keeps the definition of a VM as it is now. Nothing depends on it until libvirt has lost the domain, so that a file which
 * cannot be written is a matter for `debug`. The caller holds the VM's lock.
 */
export async function keepDefinition(host: Host, vm: VirtualMachine): Promise<void> {
  const directory = localDirectoryOf(host, vm);
  if (!directory) return;
  try {
    if (!(await vm.domain.isPersistent())) return;
    await directory.removeUnfinished();
    const definition = await vm.domain.getXml({ inactive: true, secure: true });
    const kept = await readKeptDefinition(directory);
    if (kept && !(kept instanceof DamagedRecord) && kept.definition === definition && isOf(host, kept))
      return;
    const { name, uuid, diskPaths, ports, metadata = vm.metadata } = readDomain(definition);
    const base = metadata.disk?.format === 'qcow2' ? metadata.disk.base : undefined;
    const content: KeptDefinition = {
      version: 1,
      uri: host.uri,
      uuid,
      name,
      image: madeOf(metadata),
      ports: [...new Set([metadata.ssh.port, ...ports.map(({ hostPort }) => hostPort)])],
      disks: await Promise.all(
        diskPaths
          .filter((path) => dirname(path) !== directory.path)
          .map(async (path) => ({ path, directory: (await inodeOf(dirname(path))) ?? 0 })),
      ),
      ...(base !== undefined && { base }),
      definition,
    };
    await writeDurably(directory.keptDefinition, JSON.stringify(content));
  } catch (error) {
    host.report.debug(`The definition of ${vm.name} was not kept: ${messageOf(error)}`);
  }
}
