import assert from 'node:assert/strict';
import { formatSshConfig } from '../../src/ssh/config.js';
import { scpArguments } from '../../src/ssh/copy.js';
import { sshArguments } from '../../src/ssh/session.js';
import type { LoginTarget } from '../../src/ssh/target.js';
import { checkLoginName } from '../../src/ssh/user.js';
import { rejectsWithCode } from '../support/rejects.js';

const target: LoginTarget = {
  port: 40022,
  user: 'core',
  identityFile: '/d/id',
  knownHostsFile: '/d/known_hosts',
  hostKeyAlias: 'vm',
};

describe('a login name', () => {
  for (const user of ['root', 'core', '_apt', 'Some.One-2', '2fast', 'a'.repeat(32)]) {
    it(`may be ${user}`, () => {
      checkLoginName(user);
      assert.ok(sshArguments({ ...target, user }).includes(user));
    });
  }

  for (const user of [
    '',
    '-oProxyCommand=touch /tmp/x',
    '-',
    '..',
    '.ssh',
    'a b',
    'root\n  ProxyCommand touch /tmp/x',
    'root\r',
    'root\u0000',
    'a@b',
    'a:b',
    'a/b',
    '$(id)',
    '%h',
    '"a"',
    '#a',
    'ä',
    '0',
    '1000',
    'a'.repeat(33),
  ]) {
    it(`is never ${JSON.stringify(user).slice(0, 40)}, wherever it comes from`, async () => {
      await rejectsWithCode('USER_INVALID', () => {
        checkLoginName(user);
      });
      // As a VM's record may have it.
      const t = { ...target, user };
      await rejectsWithCode('USER_INVALID', () => sshArguments(t, ['id']));
      await rejectsWithCode('USER_INVALID', () =>
        scpArguments(t, { local: '/a', remote: 'b', direction: 'to-guest' }),
      );
      await rejectsWithCode('USER_INVALID', () => formatSshConfig(['web'], t, { firstContact: false }));
    });
  }
});
