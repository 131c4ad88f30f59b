import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from '../../support/project.js';

describe('The enumerations', () => {
  it('have the values of the installed libvirt', () => {
    const script = join(projectRoot, 'scripts', 'generate-libvirt-enums.js');
    const { stdout, stderr, status } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
    assert.deepEqual({ stdout, stderr, status }, { stdout: '', stderr: '', status: 0 });
  });
});
