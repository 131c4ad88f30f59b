import assert from 'node:assert/strict';
import { codeOf } from '../../src/errors.js';
import { fingerprintOf, formatKnownHost, parsePinnedKeys } from '../../src/ssh/known-hosts.js';

const encoded = 'AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f';
const publicKey = `ssh-ed25519 ${encoded} root@guest with a comment\n`;

describe('a known_hosts file', () => {
  it('holds the key under the lowered alias, without its comment', () => {
    assert.equal(formatKnownHost('VM-1.example', publicKey), `vm-1.example ssh-ed25519 ${encoded}\n`);
  });

  it('gives back what was written, whatever the case of the alias', () => {
    const [key] = parsePinnedKeys(formatKnownHost('vm', publicKey), 'VM');
    assert.equal(key?.type, 'ssh-ed25519');
    // From `ssh-keygen -l` on that key.
    assert.equal(fingerprintOf(key.key), 'SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA');
  });

  it('is searched among lists of names, comments, blanks and other hosts', () => {
    const text = [
      '# vm ssh-ed25519 comment',
      '',
      `other ssh-ed25519 ${encoded}`,
      `@revoked vm ssh-ed25519 ${encoded}`,
      `vm2 ssh-ed25519 broken`,
      `a,vm,b ssh-ed25519 ${encoded}\r`,
    ].join('\n');
    assert.equal(parsePinnedKeys(text, 'vm').length, 1);
    assert.deepEqual(parsePinnedKeys(text, 'vm3'), []);
    assert.deepEqual(parsePinnedKeys('', 'vm'), []);
  });

  for (const [what, line] of Object.entries({
    'no key': 'vm',
    'no base64': 'vm ssh-ed25519 !!!!',
    'half a key': 'vm ssh-ed25519 AAAAC3Nz',
    'a key of another type': `vm ssh-rsa ${encoded}`,
  })) {
    it(`is refused when its line for the alias has ${what}`, () => {
      assert.throws(
        () => parsePinnedKeys(`${line}\n`, 'vm'),
        (error) => codeOf(error) === 'KNOWN_HOSTS_DAMAGED',
      );
    });
  }

  for (const alias of ['', '*', 'a b', 'a,b', '!a', '#a', '@revoked', '|1|x|y', 'a\nb', '-a', 'ü']) {
    it(`takes no alias like ${JSON.stringify(alias)}`, () => {
      assert.throws(
        () => formatKnownHost(alias, publicKey),
        (error) => codeOf(error) === 'HOST_KEY_ALIAS_INVALID',
      );
    });
  }

  it('takes no text that is not a public key', () => {
    for (const text of ['', 'ssh-ed25519', '-----BEGIN OPENSSH PRIVATE KEY-----', `ssh-rsa ${encoded}`]) {
      assert.throws(
        () => formatKnownHost('vm', text),
        (error) => codeOf(error) === 'HOST_KEY_INVALID',
      );
    }
  });
});
