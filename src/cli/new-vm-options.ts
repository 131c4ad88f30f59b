import type { AcceleratorPreference } from '../vm/hardware.js';
import type { RunOptions } from '../vm/provide.js';
import type { DiskFormatPreference } from '../vm/vm-disk.js';
import type { GlobalOptions } from './options.js';

/** What `create` and `run` have in common: the options that say what a VM is made of. */
export interface NewVmOptions extends GlobalOptions {
  user?: string;
  cloudinit?: string;
  filesystem?: string;
  quiet?: boolean;
  rootSizeMax?: number;
  diskSize?: number;
  diskFormat?: DiskFormatPreference;
  name?: string;
  cpus?: number;
  memory?: number;
  accel?: AcceleratorPreference;
  podman?: string;
}

/** The library's names for them. */
export function asRunOptions(options: NewVmOptions): RunOptions {
  return {
    name: options.name,
    cpus: options.cpus,
    memory: options.memory,
    accelerator: options.accel,
    filesystem: options.filesystem,
    rootSizeMax: options.rootSizeMax,
    diskSize: options.diskSize,
    diskFormat: options.diskFormat,
    cloudInit: options.cloudinit,
    user: options.user,
    podman: options.podman,
    quiet: options.quiet,
  };
}
