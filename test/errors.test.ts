import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCodes } from '../src/error-codes.js';
import { PodmanBootcError } from '../src/errors.js';
import { projectRoot } from './support/project.js';

describe('the codes of errors', () => {
  it('are all that docs/errors.md has, with meaning and remedy', () => {
    const { status, stderr } = spawnSync(process.execPath, ['scripts/generate-errors.js', '--check'], {
      cwd: projectRoot,
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
  });

  it('are each what something fails with', () => {
    const directory = join(projectRoot, 'src');
    const sources = readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && file !== 'error-codes.ts')
      .map((file) => readFileSync(join(directory, file), 'utf8'))
      .join('\n');
    const unused = Object.values<object>(errorCodes)
      .flatMap((codes) => Object.keys(codes))
      .filter((code) => !sources.includes(`'${code}'`));
    assert.deepEqual(unused, []);
  });

  it('belong to their class, which the compiler checks', () => {
    // @ts-expect-error: a code that no class has
    new PodmanBootcError('usage', 'NO_SUCH_CODE', 'x');
    // @ts-expect-error: a code of another class
    new PodmanBootcError('usage', 'KVM_UNUSABLE', 'x');
    assert.equal(new PodmanBootcError('host', 'KVM_UNUSABLE', 'x').failureClass, 'host');
  });
});
