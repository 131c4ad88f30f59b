import assert from 'node:assert/strict';
import { PodmanBootcError } from '../../src/errors.js';

/** Asserts that something fails with our error of this code, in one sentence. @returns the error */
export async function rejectsWithCode(code: string, action: () => unknown): Promise<PodmanBootcError> {
  try {
    await action();
  } catch (error) {
    assert.ok(error instanceof PodmanBootcError, `Expected a PodmanBootcError ${code}, got ${String(error)}`);
    assert.equal(error.code, code, error.message);
    assert.doesNotMatch(error.message, /[\n\r]/);
    return error;
  }
  throw new assert.AssertionError({ message: `Expected the error ${code}, and nothing failed` });
}
