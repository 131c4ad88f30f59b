import { parseLabel } from '../../domain/labels.js';
import { askOnTerminal } from './ask.js';
import type { AcceleratorPreference } from '../../vm/host/hardware.js';
import type { Bootloader, Firmware, RunOptions } from '../../vm/create/options.js';
import type { PullPolicy } from '../../podman/images.js';
import { parsePort } from '../../domain/ports.js';
import type { DiskFormatPreference } from '../../vm/disks/vm-disk.js';
import type { GlobalOptions } from '../options.js';
import type { ProgressOptions } from '../output/progress.js';

/** What `create` and `run` have in common: the options that say what a VM is made of. */
export interface NewVmOptions extends Omit<GlobalOptions, 'wait'>, ProgressOptions {
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
  firmware?: Firmware;
  karg?: string[];
  composefsBackend?: boolean;
  bootloader?: Bootloader;
  bootcArg?: string[];
  sshKey?: string[];
  hostname?: string;
  passwordFile?: string;
  publish?: string[];
  label?: string[];
  pull?: PullPolicy;
  replace?: boolean;
  transient?: boolean;
  podman?: string;
  startMachine?: boolean;
  copy?: boolean;
  scratch?: string;
}

/** The library's names for them. */
export function asRunOptions(options: NewVmOptions): RunOptions {
  return {
    name: options.name,
    cpus: options.cpus,
    memory: options.memory,
    accelerator: options.accel,
    firmware: options.firmware,
    kargs: options.karg,
    composefsBackend: options.composefsBackend,
    bootloader: options.bootloader,
    bootcArgs: options.bootcArg,
    sshKeys: options.sshKey,
    hostname: options.hostname,
    passwordFile: options.passwordFile,
    ports: options.publish?.map((word) => parsePort(word)),
    labels: options.label && Object.fromEntries(options.label.map(parseLabel)),
    pull: options.pull,
    replace: options.replace,
    transient: options.transient,
    filesystem: options.filesystem,
    rootSizeMax: options.rootSizeMax,
    diskSize: options.diskSize,
    diskFormat: options.diskFormat,
    cloudInit: options.cloudinit,
    user: options.user,
    podman: options.podman,
    startMachine: options.startMachine,
    copy: options.copy,
    scratch: options.scratch,
    confirm: askOnTerminal(),
    quiet: options.quiet,
  };
}
