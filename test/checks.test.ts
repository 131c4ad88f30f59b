import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkIds, checkOfFailure, checks } from '../src/checks.js';
import { PodmanBootcError } from '../src/errors.js';
import { projectRoot } from './support/project.js';

/** Failures of the host that no check can tell more about. */
const withoutCheck = [
  'SSH_PATH_UNSUPPORTED',
  'PROGRAM_NOT_FOUND',
  'PROGRAM_NOT_STARTED',
  'PROGRAM_OUTPUT_TOO_LONG',
  'PORT_TAKEN',
  'PORT_UNUSABLE',
];

function sources(): string {
  const directory = join(projectRoot, 'src');
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && file !== 'checks.ts')
    .map((file) => readFileSync(join(directory, file), 'utf8'))
    .join('\n');
}

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
    const codes = new Set([...sources().matchAll(/'host',\s*'([A-Z_]+)'/g)].map((match) => match[1] ?? ''));
    assert.ok(codes.size > 10, [...codes].join());
    const unnamed = [...codes].filter((code) => !(code in checkOfFailure) && !withoutCheck.includes(code));
    assert.deepEqual(unnamed, [], 'src/checks.ts has to say which check tells more about these failures');
  });

  it('are referred to by failures that exist', () => {
    const text = sources();
    for (const code of Object.keys(checkOfFailure)) assert.ok(text.includes(`'${code}'`), code);
  });

  it('are known to the errors themselves', () => {
    assert.equal(new PodmanBootcError('host', 'KVM_UNUSABLE', 'x').check, 'PB003');
    assert.equal(new PodmanBootcError('host', 'PROGRAM_NOT_FOUND', 'x', { check: 'PB018' }).check, 'PB018');
    assert.equal(new PodmanBootcError('usage', 'VM_NOT_FOUND', 'x').check, undefined);
  });
});
