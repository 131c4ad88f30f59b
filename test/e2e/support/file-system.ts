import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { host } from './cli.js';

/** A file system in a file, mounted. */
export interface MountedFileSystem extends Disposable {
  /** Where it is mounted. */
  path: string;
}

/** Makes a file system, of the kernel's own and not a stand-in for one, and mounts it. */
export function mountFileSystem(type: 'xfs' | 'btrfs', bytes: number): MountedFileSystem {
  const directory = mkdtempSync(join(tmpdir(), `${type}-`));
  const file = join(directory, 'file-system');
  const path = join(directory, 'mounted');
  writeFileSync(file, '');
  truncateSync(file, bytes);
  mkdirSync(path);
  host(`mkfs.${type}`, '-q', file);
  host('mount', '-o', 'loop', file, path);
  return {
    path,
    [Symbol.dispose]() {
      host('umount', path);
      rmSync(directory, { recursive: true });
    },
  };
}

/** Mounts a directory of it elsewhere. */
export function bindMount(from: string, to: string): Disposable {
  for (const path of [from, to]) mkdirSync(path, { recursive: true });
  host('mount', '--bind', from, to);
  return {
    [Symbol.dispose]() {
      host('umount', to);
    },
  };
}
