import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Directories } from '../../src/vm/host/directories.js';

/** Makes a directory for the present test that is gone after it. */
export function temporaryDirectory(context: Mocha.Context): string {
  const path = mkdtempSync(join(tmpdir(), 'podman-bootc-test-'));
  context.test?.parent?.afterAll(() => {
    rmSync(path, { recursive: true, force: true });
  });
  return path;
}

/** Directories of podman-bootc below one of the test's, none of which exists yet. */
export function directoriesIn(root: string): Directories {
  return { data: join(root, 'data'), cache: join(root, 'cache'), runtime: join(root, 'run'), mode: 0o700 };
}
