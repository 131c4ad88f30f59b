import { forEachVm } from './each.js';
import { openClient } from './open-client.js';
import type { GlobalOptions } from '../options.js';

/** `podman-bootc ssh-config VM…` */
export async function sshConfig(vms: string[], options: GlobalOptions & { user?: string }): Promise<void> {
  await using client = await openClient(options);
  client.requireLocal('ssh-config');
  await forEachVm(vms, async (nameOrId) => {
    process.stdout.write(await client.sshConfig(nameOrId, options.user));
  });
}
