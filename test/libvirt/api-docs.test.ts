import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from '../support/project.js';

describe('The API reference', () => {
  // It reads all of src/libvirt with the TypeScript compiler.
  it('says what the sources say', () => {
    const script = join(projectRoot, 'scripts', 'generate-libvirt-api-docs.js');
    const { stderr, status } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
    assert.deepEqual({ stderr, status }, { stderr: '', status: 0 });
  }).timeout(60_000);
});
