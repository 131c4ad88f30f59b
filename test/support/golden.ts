import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';

/**
 * Asserts that a golden file holds this text. PODMAN_BOOTC_UPDATE_GOLDEN=1 writes all golden files anew; read the diff before
 * committing it.
 */
export function assertGolden(file: string, text: string): void {
  if (process.env.PODMAN_BOOTC_UPDATE_GOLDEN === '1') writeFileSync(file, text);
  assert.equal(text, readFileSync(file, 'utf8'));
}
