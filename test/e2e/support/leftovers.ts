import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { host } from './cli.js';

/** Where root's VMs live. */
export const vms = '/var/lib/podman-bootc/vms';

/** Everything of ours that a command might leave on the host, except locks, which stay by design. */
export function traces(): Record<string, string[]> {
  const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');
  const directory = (path: string): string[] => (existsSync(path) ? readdirSync(path).sort() : []);
  return {
    domains: lines(host('virsh', '-q', 'list', '--all', '--name')).sort(),
    directories: directory(vms),
    nvram: directory('/var/lib/libvirt/qemu/nvram'),
    tpm: directory('/var/lib/libvirt/swtpm'),
    containers: lines(host('podman', 'ps', '--all', '--format', '{{.Names}}')).sort(),
    // By file: a device may be attached by somebody else on this machine meanwhile.
    loopDevices: lines(host('losetup', '--list', '--noheadings', '--raw', '--output', 'BACK-FILE'))
      .filter((file) => file.includes('disk.raw'))
      .sort(),
  };
}

/** Asserts that there is nothing but what was there before. */
export function assertNoTraces(before: Record<string, string[]>): void {
  assert.deepEqual(traces(), before);
}
