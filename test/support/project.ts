import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout's directory: compiled tests run from below `dist`. */
export const projectRoot = findRoot(dirname(fileURLToPath(import.meta.url)));

function findRoot(directory: string): string {
  return existsSync(join(directory, 'package.json')) ? directory : findRoot(dirname(directory));
}

/** The path of the command line's entry. */
export const cli = join(projectRoot, 'bin', 'podman-bootc.js');
