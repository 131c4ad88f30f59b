import assert from 'node:assert/strict';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { host } from './cli.js';

/** Where root's VMs live. */
export const vms = '/var/lib/podman-bootc/vms';

/** Where root's VMs have their disks. */
export const disks = '/var/lib/podman-bootc/disks';
/** Where root's base disks are. */
export const bases = '/var/cache/podman-bootc/bases';

/** Everything of ours that a command might leave on the host, except locks, which stay by design. */
export function traces(): Record<string, string[]> {
  const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');
  const directory = (path: string): string[] => (existsSync(path) ? readdirSync(path).sort() : []);
  return {
    domains: lines(host('virsh', '-q', 'list', '--all', '--name')).sort(),
    directories: directory(vms),
    disks: directory(disks),
    // Base disks stay by design; parts of them do not.
    unfinishedBases: directory(bases).filter(
      (key) => directory(join(bases, key)).join() !== 'base.json,disk.raw',
    ),
    nvram: directory('/var/lib/libvirt/qemu/nvram'),
    tpm: directory('/var/lib/libvirt/swtpm'),
    containers: lines(host('podman', 'ps', '--all', '--format', '{{.Names}}')).sort(),
    loopDevices: ourLoopDevices(),
  };
}

/**
 * Files behind loop devices that are ours: base disks that this session sees, by inode, and deleted ones, which nobody
 * should have any longer. Others on this machine may be installing at the same time.
 */
function ourLoopDevices(): string[] {
  const inodes = new Set(
    (existsSync(bases) ? readdirSync(bases, { recursive: true, encoding: 'utf8' }) : []).map((file) =>
      String(statSync(join(bases, file), { throwIfNoEntry: false })?.ino),
    ),
  );
  const output = host('losetup', '--list', '--noheadings', '--raw', '--output', 'BACK-INO,BACK-FILE');
  return output
    .split('\n')
    .filter((line) => line.includes('disk.raw'))
    .map((line) => {
      const [inode = '', ...file] = line.split(' ');
      return { inode, file: file.join(' ') };
    })
    .filter(({ inode, file }) => inodes.has(inode) || file.includes('deleted'))
    .map(({ file }) => file)
    .sort();
}

/**
 * Asserts that there is nothing but what was there before. Loop devices are the machine's: one of a session beside this one,
 * whose deleted disk is just being detached, is waited for.
 */
export function assertNoTraces(before: Record<string, string[]>): void {
  for (let attempt = 1; ; attempt++) {
    try {
      assert.deepEqual(traces(), before);
      return;
    } catch (error) {
      if (attempt === 20) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
    }
  }
}
