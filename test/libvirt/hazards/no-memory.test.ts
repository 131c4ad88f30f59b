import assert from 'node:assert/strict';
import { assertEndedWell, runFixture } from '../support.js';

describe('A call for which there is no memory', () => {
  // Limited with util-linux' prlimit.
  if (process.platform !== 'linux') return;

  it('fails with ENOMEM, and the process goes on', async () => {
    // A thread's own arena is address space that it has already.
    const ended = await runFixture('no-memory', [], undefined, { MALLOC_ARENA_MAX: '1' });
    assertEndedWell(ended);
    assert.equal(ended.stdout, 'all calls ended\n');
  });
});
