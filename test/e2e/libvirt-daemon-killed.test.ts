import assert from 'node:assert/strict';
import { runFixture } from './support/fixture.js';

it('A daemon that is killed fails calls and streams, ends iterators of events, and can be connected to again', async () => {
  assert.equal(await runFixture('killed-daemon'), 'connected again\n');
});
