import assert from 'node:assert/strict';
import { parseTime } from '../../../src/cli/commands/times.js';
import { parseSeconds } from '../../../src/cli/commands/values.js';
import { parseSize } from '../../../src/sizes.js';
import { rejectsWithCode } from '../../support/rejects.js';

describe('a time on the command line', () => {
  const read = parseTime('--since');

  for (const [word, iso] of [
    ['2026-01-31', '2026-01-31T00:00:00.000Z'],
    ['2024-02-29', '2024-02-29T00:00:00.000Z'],
    ['2026-01-31T12:00:00Z', '2026-01-31T12:00:00.000Z'],
    ['2026-01-31T12:00:00.5+01:30', '2026-01-31T10:30:00.500Z'],
    ['2026-01-31 12:00Z', '2026-01-31T12:00:00.000Z'],
  ] as const) {
    it(`may be ${word}`, () => {
      assert.equal(read(word).toISOString(), iso);
    });
  }

  it('may be one of here, with a space or a T', () => {
    const here = new Date(2026, 0, 31, 12, 30, 15).getTime();
    assert.equal(read('2026-01-31T12:30:15').getTime(), here);
    assert.equal(read('2026-01-31 12:30:15').getTime(), here);
  });

  it('may be how long ago', () => {
    for (const [word, milliseconds] of [
      ['90s', 90_000],
      ['1h30m', 5_400_000],
      ['1d', 86_400_000],
    ] as const)
      assert.ok(Math.abs(Date.now() - milliseconds - read(word).getTime()) < 1000);
  });

  for (const word of [
    '999999999d',
    '30000d',
    '2026-02-30',
    '2025-02-29',
    '2026-13-01',
    '2026-00-10',
    '2026-04-31',
    '2026-01-31 junk',
    '2026-01-31T25:00',
    '2026-01-31T12:60',
    '2026-01-31T12:00:60',
    '2026-01-31T12:00+99:00',
    '2026-01-31T12',
    '2026-1-3',
    '2026',
    '2026-01-31 (a comment)',
    '1969-12-31',
    '+002026-01-31',
    '10',
    '-10m',
    '10m ago',
    '',
    ' ',
  ]) {
    it(`is not ${JSON.stringify(word)}`, async () => {
      const error = await rejectsWithCode('TIME_INVALID', () => read(word));
      assert.equal(error.failureClass, 'usage');
    });
  }
});

describe('a number of seconds', () => {
  for (const word of ['999999999', '2000001', '1e3', '-1', '0x10', '1 ', '', 'Infinity', '١']) {
    it(`is not ${JSON.stringify(word)}`, () =>
      rejectsWithCode('SECONDS_INVALID', () => parseSeconds('--timeout')(word)));
  }
});

describe('a size on the command line', () => {
  for (const word of [
    '999999999T',
    '99999999999999999999',
    '1.5G',
    '1e9',
    '0',
    '-1G',
    '10 G',
    '10GG',
    '٣G',
    '',
  ]) {
    it(`is not ${JSON.stringify(word)}`, () =>
      rejectsWithCode('SIZE_INVALID', () => parseSize(word, '--memory')));
  }
});
