import assert from 'node:assert/strict';
import { patienceWith } from '../../../src/vm/boot/watch.js';

describe('watching a boot', () => {
  it('gives a guest that was slow to come up as long again for its port', () => {
    assert.equal(patienceWith(false, 5), 15);
    assert.equal(patienceWith(true, 30), 45);
    assert.equal(patienceWith(true, 390), 390);
    assert.equal(patienceWith(true, 100_000), 600);
  });
});
