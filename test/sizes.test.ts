import assert from 'node:assert/strict';
import { formatSize, GiB, KiB, MiB, parseSize } from '../src/sizes.js';
import { rejectsWithCode } from './support/rejects.js';

describe('sizes', () => {
  for (const [text, bytes] of [
    ['1', 1],
    ['4096', 4096],
    ['10G', 10 * GiB],
    ['10g', 10 * GiB],
    ['512M', 512 * MiB],
    ['3K', 3 * KiB],
    ['2T', 2048 * GiB],
    ['10GiB', 10 * GiB],
  ] as const) {
    it(`reads ${text} as ${bytes} bytes`, () => {
      assert.equal(parseSize(text, '--disk-size'), bytes);
    });
  }

  for (const text of [
    '',
    '0',
    '0G',
    '-1',
    '10X',
    '1e3',
    '1.5G',
    ' 10G',
    '10 G',
    '0x10',
    'G',
    '10GB!',
    '99999999999T',
    'NaN',
  ]) {
    it(`refuses ${JSON.stringify(text)} and says what it wants`, async () => {
      const error = await rejectsWithCode('SIZE_INVALID', () => parseSize(text, '--disk-size'));
      assert.match(error.message, /Expected --disk-size to be a positive size such as 20G/);
      assert.ok(error.message.endsWith(`got '${text}'`));
      assert.equal(error.failureClass, 'usage');
    });
  }

  it('writes bytes as people read them', () => {
    assert.deepEqual([10 * GiB, 1.5 * GiB, 512 * MiB, 100].map(formatSize), [
      '10 GiB',
      '1.5 GiB',
      '512 MiB',
      '100 B',
    ]);
  });
});
