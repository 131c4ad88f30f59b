import assert from 'node:assert/strict';
import { checkHostname, hostnameCredential } from '../../../src/vm/guest/hostname.js';
import { rejectsWithCode } from '../../support/rejects.js';

describe('a host name', () => {
  for (const name of ['a', 'web-1', 'Web', '4u', 'web-1.example.org', 'x'.repeat(63)]) {
    it(`may be ${name.slice(0, 20)}`, () => {
      checkHostname(name);
    });
  }

  for (const name of [
    '',
    '-a',
    'a-',
    'a..b',
    '.a',
    'a.',
    'a_b',
    'a b',
    'a\nkernel.x=1',
    'ü',
    '%H',
    'x'.repeat(64),
    `${'x'.repeat(60)}.abcd`,
  ]) {
    it(`may not be ${JSON.stringify(name.slice(0, 20))}`, async () => {
      const error = await rejectsWithCode('HOSTNAME_INVALID', () => {
        checkHostname(name);
      });
      assert.match(error.message, /Expected `hostname` to be/);
    });
  }

  it('is a line of sysctl.d for the early boot', () => {
    assert.deepEqual(hostnameCredential('web-1'), { 'sysctl.extra': 'kernel.hostname = web-1\n' });
  });
});
