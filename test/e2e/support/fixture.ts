import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { start } from './cli.js';

/**
 * Runs a program of the fixtures, where a crash can be seen. It must come to its end by itself, silently.
 * @returns its stdout
 */
export async function runFixture(name: string, ...args: readonly string[]): Promise<string> {
  const path = fileURLToPath(new URL(`../fixtures/${name}.js`, import.meta.url));
  const { exitCode, signal, stderr, stdout } = await start(process.execPath, ['--expose-gc', path, ...args])
    .done;
  assert.deepEqual({ exitCode, signal, stderr }, { exitCode: 0, signal: null, stderr: '' });
  return stdout;
}
