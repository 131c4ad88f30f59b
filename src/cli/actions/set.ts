import { PodmanBootcError } from '../../errors.js';
import { formatSize } from '../../sizes.js';
import type { AppliedChange, VmChanges } from '../../vm/change/set.js';
import { forEachVm } from './each.js';
import { asRunOptions } from './new-vm-options.js';
import { openClient } from './open-client.js';
import type { GlobalOptions, NewVmWords } from '../options.js';
import { terminalReporter } from '../output/terminal.js';

/** What `set` may be told. */
export interface SetOptions extends GlobalOptions {
  removeLabel?: string[];
  rmVolume?: string[];
  autostart?: boolean;
}

/** `podman-bootc set VM…` */
export async function set(vms: string[], words: NewVmWords, options: SetOptions): Promise<void> {
  const { cpus, memory, labels, volumes } = asRunOptions(words);
  const { autostart, removeLabel: removeLabels, rmVolume: removeVolumes } = options;
  const changes: VmChanges = { cpus, memory, labels, removeLabels, volumes, removeVolumes, autostart };
  if (Object.values(changes).every((change) => change === undefined)) {
    throw new PodmanBootcError(
      'usage',
      'OPTIONS_CONFLICT',
      'Expected something to set: --cpus, --memory, --label, --remove-label, --volume, --rm-volume, --autostart or --no-autostart',
    );
  }
  await using client = await openClient(options);
  await forEachVm(vms, async (nameOrId) => {
    const vm = await client.find(nameOrId);
    const applied = await client.set(vm, changes);
    const words = applied.map(({ what, effect }) => `${inWords(what, changes)} ${effect}`);
    terminalReporter.info(`${vm.name}: ${words.join(', ')}`);
  });
}

function inWords(what: AppliedChange['what'], changes: VmChanges): string {
  switch (what) {
    case 'cpus':
      return changes.cpus === 1 ? '1 CPU' : `${changes.cpus ?? 0} CPUs`;
    case 'memory':
      return `${formatSize(changes.memory ?? 0)} of memory`;
    case 'labels':
      return 'other labels';
    case 'volumes':
      return 'other volumes';
    case 'autostart':
      return changes.autostart ? 'starts with libvirt' : 'starts only when asked to';
  }
}
