import assert from 'node:assert/strict';
import { assertEndedWell, runFixture } from '../support.js';

it('Bad input is refused with an error, and without a word on stderr', async () => {
  const ended = await runFixture('bad-input', []);
  assertEndedWell(ended);
  assert.equal(ended.stdout, 'all refused\n');
});
