import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Makes a directory for the present test that is gone after it. */
export function temporaryDirectory(context: Mocha.Context): string {
  const path = mkdtempSync(join(tmpdir(), 'podman-bootc-test-'));
  context.test?.parent?.afterAll(() => {
    rmSync(path, { recursive: true, force: true });
  });
  return path;
}
