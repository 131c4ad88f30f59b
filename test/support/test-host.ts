import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Reporter } from '../../src/report.js';
import { PodmanBootc } from '../../src/vm/client.js';
import { openHost, type Host, type HostOptions } from '../../src/vm/host/host.js';
import { acquireLock } from '../../src/vm/host/lock.js';
import { directoriesIn, temporaryDirectory } from './temporary.js';
import { testNode, uuidFor, type TestVm } from './test-node.js';

/** A host with directories of its own and libvirt's test driver, and everything that was said. */
export interface TestHost {
  host: Host;
  said: string[];
  /** The directory of a VM. */
  directory: (name: string) => string;
  /** The disk of a VM. */
  disk: (name: string) => string;
}

/** The same as if its libvirt ran on another machine: nothing of that but libvirt is in reach. */
export function asRemote(host: Host): Host {
  return { ...host, features: { files: false, ports: false, console: false, runsQemuAsUs: false } };
}

/** The same as the library shows it. */
export interface TestClient {
  client: PodmanBootc;
  uri: string;
  said: string[];
  /** The directory of a VM. */
  directory: (name: string) => string;
  /** Takes a lock as another podman-bootc would. */
  lock: (name: string) => Promise<AsyncDisposable>;
}

/** Opens a host that has these VMs, each with a disk file. */
export async function openTestHost(context: Mocha.Context, vms: readonly TestVm[]): Promise<TestHost> {
  const { said, directory, disk, options } = prepare(context, vms);
  const host = await openHost(options);
  context.test?.parent?.afterAll(() => host[Symbol.asyncDispose]());
  return { host, said, directory, disk };
}

/** Opens the library on a host that has these VMs. */
export async function openTestClient(context: Mocha.Context, vms: readonly TestVm[]): Promise<TestClient> {
  const { said, directory, options } = prepare(context, vms);
  const client = await PodmanBootc.open(options);
  context.test?.parent?.afterAll(() => client.close());
  const lock = async (name: string): Promise<AsyncDisposable> => {
    const host = await openHost(options);
    context.test?.parent?.afterAll(() => host[Symbol.asyncDispose]());
    return acquireLock(host, name, { what: name });
  };
  return { client, uri: options.uri, said, directory, lock };
}

function prepare(
  context: Mocha.Context,
  vms: readonly TestVm[],
): Omit<TestHost, 'host'> & { options: HostOptions & { uri: string } } {
  const root = temporaryDirectory(context);
  const directories = directoriesIn(root);
  const directoryFor = (name: string, uuid = uuidFor(name)): string => join(directories.data, 'vms', uuid);
  const directory = (name: string): string => directoryFor(name);
  const diskOf = (name: string, uuid = uuidFor(name)): string =>
    join(directories.data, 'disks', `${uuid}.raw`);
  const disk = (name: string): string => diskOf(name);
  const placed = vms.map((vm) => ({
    diskPath: diskOf(vm.copyOf ?? vm.name, vm.uuid),
    directory: vm.copyOf === undefined ? directoryFor(vm.name, vm.uuid) : directory(vm.copyOf),
    ...vm,
  }));
  mkdirSync(join(directories.data, 'disks'), { recursive: true });
  for (const vm of placed) {
    if (vm.ours === false || vm.copyOf !== undefined) continue;
    mkdirSync(directory(vm.name), { recursive: true });
    writeFileSync(join(directory(vm.name), 'tmpfiles.extra'), 'text');
    writeFileSync(disk(vm.name), 'data');
  }
  const node = join(root, 'node.xml');
  writeFileSync(node, testNode(placed));
  const said: string[] = [];
  const hear = (message: string): void => {
    said.push(message);
  };
  const reporter: Reporter = { debug: hear, info: hear, warn: hear, output: hear };
  return { said, directory, disk, options: { uri: `test://${node}`, directories, reporter } };
}
