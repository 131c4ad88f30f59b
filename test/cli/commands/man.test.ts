import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from '../../support/project.js';

describe('the man page', () => {
  it('is what the command line declares', () => {
    const script = join(projectRoot, 'scripts', 'generate-man.js');
    const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  });
});
