import { xmlText } from '../../terminal-text.js';
import { forEachVm } from './each.js';
import { openClient } from './open-client.js';
import type { GlobalOptions } from '../options.js';
import { machineFormat } from '../output/output-format.js';
import { inspectedJson } from '../output/vm-json.js';

/** `podman-bootc inspect VM…` */
export async function inspect(vms: string[], options: GlobalOptions & { format?: string }): Promise<void> {
  const format = options.format ?? 'json';
  const write = format === 'xml' ? undefined : await machineFormat(format, 'inspect');
  await using client = await openClient(options);
  const found: unknown[] = [];
  await forEachVm(vms, async (nameOrId) => {
    const vm = await client.inspect(nameOrId);
    if (write) found.push(inspectedJson(vm));
    // As `virsh dumpxml`: what is in effect now, and no passwords.
    else process.stdout.write(xmlText(await vm.domain.getXml()));
  });
  if (write && found.length > 0) process.stdout.write(await write(found));
}
