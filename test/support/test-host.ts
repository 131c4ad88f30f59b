import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Reporter } from '../../src/report.js';
import { openHost, type Host } from '../../src/vm/host.js';
import { temporaryDirectory } from './temporary.js';
import { testNode, uuidFor, type TestVm } from './test-node.js';

/** A host with directories of its own and libvirt's test driver, and everything that was said. */
export interface TestHost {
  host: Host;
  said: string[];
  /** The directory of a VM. */
  directory: (name: string) => string;
}

/** Opens a host that has these VMs, each with a disk file. */
export async function openTestHost(context: Mocha.Context, vms: readonly TestVm[]): Promise<TestHost> {
  const root = temporaryDirectory(context);
  const directories = {
    data: join(root, 'data'),
    cache: join(root, 'cache'),
    runtime: join(root, 'run'),
    mode: 0o700,
  };
  const directory = (name: string): string => join(directories.data, 'vms', uuidFor(name));
  const placed = vms.map((vm) => ({ diskPath: join(directory(vm.name), 'disk.raw'), ...vm }));
  for (const vm of placed) {
    if (vm.ours === false) continue;
    mkdirSync(directory(vm.name), { recursive: true });
    writeFileSync(join(directory(vm.name), 'disk.raw'), 'data');
  }
  const node = join(root, 'node.xml');
  writeFileSync(node, testNode(placed));
  const said: string[] = [];
  const hear = (message: string): void => {
    said.push(message);
  };
  const reporter: Reporter = { debug: hear, info: hear, warn: hear, output: hear };
  const host = await openHost({ uri: `test://${node}`, directories, reporter });
  context.test?.parent?.afterAll(() => host[Symbol.asyncDispose]());
  return { host, said, directory };
}
