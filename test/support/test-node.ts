import { createHash } from 'node:crypto';
import { metadataElement, type VmMetadata } from '../../src/domain/metadata.js';
import type { PublishedPort } from '../../src/domain/ports.js';
import { buildXml, element, type XmlElement } from '../../src/domain/xml.js';

/** A VM in a state of libvirt's test driver. */
export interface TestVm {
  name: string;
  /** Default: made from the name. */
  uuid?: string;
  /** Default `running`. */
  state?: keyof typeof runStates;
  image?: string;
  labels?: Record<string, string>;
  ports?: PublishedPort[];
  diskPath?: string;
  /** Directory in its record; undefined leaves that and the uuid out, as old versions did. */
  directory?: string | undefined;
  /** Has the record of this other one, as virt-clone leaves it. */
  copyOf?: string;
  /** Port of this host that leads to its sshd, and who logs in; default 40022 and root. */
  ssh?: { port: number; user: string };
  /** False leaves our metadata out: a domain of somebody else. */
  ours?: boolean;
}

/** VIR_DOMAIN_RUNNING, VIR_DOMAIN_PAUSED and VIR_DOMAIN_SHUTOFF. */
const runStates = { running: '1', paused: '3', 'shut off': '5' };

/** A uuid that a name always has. */
export function uuidFor(name: string): string {
  const hex = createHash('sha256').update(name).digest('hex');
  return hex.slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** The record of a VM for tests. */
export function metadataFor(vm: TestVm): VmMetadata & Required<Pick<VmMetadata, 'disk'>> {
  const uuid = vm.uuid ?? uuidFor(vm.name);
  return {
    ...(vm.directory !== undefined && {
      uuid: vm.copyOf === undefined ? uuid : uuidFor(vm.copyOf),
      directory: vm.directory,
    }),
    image: { reference: vm.image ?? 'quay.io/test/os:1', id: 'ab'.repeat(32) },
    install: { podman: 'local', filesystem: 'xfs' },
    disk: { path: vm.diskPath ?? `/nonexistent/disks/${uuid}.raw`, size: 10 * 1024 ** 3, format: 'raw' },
    ssh: { ...(vm.ssh ?? { port: 40022, user: 'root' }), hostKey: 'handed-over' },
    ...(vm.labels && { labels: vm.labels }),
    ...(vm.ports && { ports: vm.ports }),
    created: '2026-01-02T03:04:05.000Z',
  };
}

/** The domain of a VM for libvirt's test driver, which takes type `test` only. */
export function testDomain(vm: TestVm): XmlElement {
  const runstate = 'http://libvirt.org/schemas/domain/test/1.0';
  return element(
    'domain',
    { type: 'test', 'xmlns:test': runstate },
    element('name', {}, vm.name),
    element('uuid', {}, vm.uuid ?? uuidFor(vm.name)),
    vm.ours === false ? undefined : element('metadata', {}, metadataElement(metadataFor(vm))),
    element('memory', { unit: 'MiB' }, '64'),
    element('os', {}, element('type', {}, 'hvm')),
    element('test:runstate', {}, runStates[vm.state ?? 'running']),
  );
}

/** A state of libvirt's test driver, for a file that `test://FILE` names. */
export function testNode(vms: readonly TestVm[]): string {
  return buildXml(element('node', {}, ...vms.map(testDomain)));
}
