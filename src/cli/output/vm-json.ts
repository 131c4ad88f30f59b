import { originated } from '../../domain/origins.js';
import type { InspectedVirtualMachine } from '../../vm/inspect.js';
import type { LeftBehindVirtualMachine } from '../../vm/left-behind.js';
import {
  isActiveState,
  type ListedVirtualMachine,
  type UnfinishedVirtualMachine,
} from '../../vm/virtual-machine.js';

/*
 * VMs as `list` and `inspect` print them for programs. `schema/` describes it, and a test compares the two. Keys are
 * only ever added, and each is always there.
 */

/** A VM that has no domain, in a row of the table. */
export type RowWithoutDomain = Omit<UnfinishedVirtualMachine, 'state'> & {
  state: UnfinishedVirtualMachine['state'] | LeftBehindVirtualMachine['state'];
};

/** A VM as `list` prints it. */
export function listedJson(vm: ListedVirtualMachine) {
  const { image, install, source, disk, ssh, created, labels = {} } = vm.metadata;
  return {
    id: vm.id,
    uuid: vm.uuid,
    name: vm.name,
    state: vm.state,
    running: isActiveState(vm.state),
    created,
    cpus: vm.cpus,
    memory: vm.memory,
    image: {
      reference: image?.reference ?? null,
      id: image?.id ?? null,
      digest: image?.digest ?? null,
      updated: image?.updated ?? null,
    },
    source: {
      path: source?.path ?? null,
      format: source?.format ?? null,
      inPlace: source ? (source.inPlace ?? false) : null,
    },
    disk: {
      path: disk?.path ?? null,
      format: disk?.format ?? null,
      size: disk?.size ?? null,
      base: disk?.base ?? null,
    },
    filesystem: install?.filesystem ?? null,
    ssh: { host: '127.0.0.1', port: ssh.port, user: ssh.user },
    labels,
  };
}

/** The same of one that has no domain. */
export function withoutDomainJson(vm: RowWithoutDomain) {
  return {
    id: vm.id,
    uuid: vm.uuid,
    name: vm.name,
    state: vm.state,
    running: false,
    created: vm.since,
    cpus: null,
    memory: null,
    image: { reference: vm.image, id: null, digest: null, updated: null },
    source: { path: null, format: null, inPlace: null },
    disk: { path: null, format: null, size: null, base: null },
    filesystem: null,
    ssh: { host: '127.0.0.1', port: null, user: null },
    labels: {},
  };
}

/** A VM as `inspect` prints it. */
export function inspectedJson(vm: InspectedVirtualMachine) {
  const { definition, login, metadata } = vm;
  const listed = listedJson(vm);
  return {
    ...listed,
    stateReason: vm.stateReason,
    transient: vm.transient,
    autostart: vm.autostart,
    atNextStart: { cpus: definition.cpus, memory: definition.currentMemory },
    install: {
      podman: metadata.install?.podman ?? null,
      rootSizeMax: metadata.install?.rootSizeMax ?? null,
      bootcVersion: metadata.install?.bootcVersion ?? null,
      kargs: metadata.install?.kargs ?? [],
      composefsBackend: metadata.install?.composefsBackend ?? false,
      bootloader: metadata.install?.bootloader ?? null,
      bootcArgs: metadata.install?.bootcArgs ?? [],
    },
    ports: definition.ports,
    volumes: definition.metadata?.volumes ?? [],
    hostname: metadata.hostname ?? null,
    origins: Object.fromEntries(originated.map((what) => [what, metadata.origins?.[what] ?? null])),
    ssh: {
      ...listed.ssh,
      hostKey: metadata.ssh.hostKey,
      keys: metadata.ssh.keys ?? [],
      hostKeyAlias: login.hostKeyAlias,
      identityFile: login.identityFile,
      knownHostsFile: login.knownHostsFile,
    },
    cloudInit: metadata.cloudInit ?? null,
    domain: {
      type: definition.domainType,
      arch: definition.arch,
      machine: definition.machine,
      firmware: definition.firmware,
      emulator: definition.emulator ?? null,
      title: definition.title ?? null,
    },
    disks: definition.diskPaths,
    directory: vm.directory ?? null,
    consoleLog: definition.consoleLog ?? null,
  };
}
