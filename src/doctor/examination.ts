import type { AcceleratorProbe } from '../accelerator/index.js';
import type { Load } from '../busy.js';
import type { DomainCapabilities } from '../domain/capabilities.js';
import type { CheckId } from '../checks.js';
import type { PodmanEngine } from '../podman/engine.js';
import type { PodmanMachine } from '../podman/machines.js';
import type { Directories } from '../vm/host/directories.js';
import type { Host } from '../vm/host/host.js';
import { UnknownBecauseOf } from './finding.js';
import type { PackageFamily } from './packages.js';

/** What the checks share: what was asked for, and what more than one of them needs, found out once. */
export interface Examination {
  /** Libvirt URI as asked for; undefined: the one `run` takes. */
  uri: string | undefined;
  directories: Directories;
  /** How much this host has to do: what is late may be slow. */
  load: Load;
  /** Aborts what is still under way at the deadline, or when interrupted. */
  signal: AbortSignal;
  family: PackageFamily;
  libvirt: Promise<Host>;
  /** Of QEMU for this host's architecture, without acceleration. */
  capabilities: Promise<DomainCapabilities>;
  /** QEMU's path, from libvirt or from PATH; undefined without one. */
  emulator: Promise<string | undefined>;
  /** Whether guests can be accelerated. */
  acceleration: Promise<AcceleratorProbe>;
  engine: Promise<{ engine: PodmanEngine; reason: string }>;
  machines: Promise<PodmanMachine[]>;
}

/** What another check finds out; when that fails it is that check that says so. */
export async function from<T>(id: CheckId, result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    throw new UnknownBecauseOf(id, error);
  }
}
