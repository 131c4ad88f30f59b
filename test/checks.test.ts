import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkIds, checks } from '../src/checks.js';
import { errorCodes } from '../src/error-codes.js';
import { PodmanBootcError } from '../src/errors.js';
import { projectRoot } from './support/project.js';

/** Failures of the host that no check can tell more about. */
const withoutCheck = [
  'IMAGE_STORE_FULL',
  'SSH_PATH_UNSUPPORTED',
  'PROGRAM_NOT_FOUND',
  'PROGRAM_NOT_STARTED',
  'PROGRAM_OUTPUT_TOO_LONG',
  'PORT_TAKEN',
  'PORT_UNUSABLE',
  'VOLUME_MISSING',
];

describe('the checks of doctor', () => {
  it('are numbered from PB001 on', () => {
    assert.deepEqual(
      checkIds,
      checkIds.map((_, index) => `PB${String(index + 1).padStart(3, '0')}`),
    );
  });

  const documented = readFileSync(join(projectRoot, 'docs', 'doctor.md'), 'utf8')
    .split('\n')
    .map((line) => line.split(/ *\| */).slice(1, -1));
  for (const id of checkIds) {
    it(`${id} (${checks[id].subject}) is in docs/doctor.md`, () => {
      const row = documented.find((cells) => cells[0] === id);
      assert.deepEqual(row, [id, checks[id].subject, checks[id].about]);
    });
  }

  it('are all that docs/doctor.md has', () => {
    const ids = documented.flatMap((cells) => (/^PB\d+$/.test(cells[0] ?? '') ? [cells[0]] : []));
    assert.deepEqual(ids, checkIds);
  });

  it('are named by every failure of the host', () => {
    const unnamed = Object.entries<readonly string[]>(errorCodes.host).flatMap(([code, [, , check]]) =>
      check === undefined && !withoutCheck.includes(code) ? [code] : [],
    );
    assert.deepEqual(
      unnamed,
      [],
      'src/error-codes.ts has to say which check tells more about these failures',
    );
  });

  it('are known to the errors themselves', () => {
    assert.equal(new PodmanBootcError('host', 'KVM_UNUSABLE', 'x').check, 'PB003');
    assert.equal(new PodmanBootcError('host', 'PROGRAM_NOT_FOUND', 'x', { check: 'PB018' }).check, 'PB018');
    assert.equal(new PodmanBootcError('usage', 'VM_NOT_FOUND', 'x').check, undefined);
  });
});
