import assert from 'node:assert/strict';
import { checkLabel, parseLabel } from '../../src/domain/labels.js';
import { failure } from './support.js';

describe('a label', () => {
  it('is a name and a value, which may be empty or hold the sign itself', () => {
    assert.deepEqual(parseLabel('stage=test'), ['stage', 'test']);
    assert.deepEqual(parseLabel('io.example/a-b=c=d ü'), ['io.example/a-b', 'c=d ü']);
    assert.deepEqual(parseLabel('a='), ['a', '']);
    assert.deepEqual(parseLabel('a'), ['a', '']);
  });

  for (const word of ['', '=x', 'a b=c', '-a=b', 'ä=b', 'a\n=b', `${'a'.repeat(256)}=b`]) {
    it(`has a name that can be typed, unlike ${JSON.stringify(word.slice(0, 20))}`, () => {
      assert.throws(() => parseLabel(word), failure('LABEL_INVALID', 'usage'));
    });
  }

  for (const value of ['a\nb', '\u001b[31m', '\u0000', '\ud800', 'x'.repeat(4097)]) {
    it(`has a value that a line can show, unlike ${JSON.stringify(value.slice(0, 20))}`, () => {
      assert.throws(
        () => {
          checkLabel('a', value);
        },
        failure('LABEL_INVALID', 'usage'),
      );
    });
  }
});
