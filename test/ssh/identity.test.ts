import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readIdentity } from '../../src/ssh/identity.js';
import { rejectsWithCode } from '../support/rejects.js';
import { temporaryDirectory } from '../support/temporary.js';

describe("a private key of the user's", () => {
  function makeKey(directory: string, passphrase = ''): string {
    const path = join(directory, 'id');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', passphrase, '-C', 'me', '-f', path]);
    return path;
  }

  it('is known by its path, and its public key by itself', async function () {
    const path = makeKey(temporaryDirectory(this));
    const [type, key] = readFileSync(`${path}.pub`, 'utf8').split(' ');
    writeFileSync(`${path}.pub`, 'something else');
    const identity = await readIdentity(path);
    assert.equal(identity.path, path);
    assert.deepEqual(identity.line.split(' ').slice(0, 2), [type, key]);
  });

  it('is refused when others may read it, when it has a passphrase, or is none', async function () {
    const path = makeKey(temporaryDirectory(this));
    chmodSync(path, 0o640);
    const open = await rejectsWithCode('IDENTITY_INVALID', () => readIdentity(path));
    assert.match(open.message, /may be read by others \(mode 0640\)/);
    const locked = await rejectsWithCode('IDENTITY_INVALID', () =>
      readIdentity(makeKey(temporaryDirectory(this), 'secret')),
    );
    assert.match(locked.message, /has a passphrase/);
    chmodSync(path, 0o600);
    writeFileSync(path, 'no key');
    const none = await rejectsWithCode('IDENTITY_INVALID', () => readIdentity(path));
    assert.match(none.message, /is no private key/);
    await rejectsWithCode('IDENTITY_INVALID', () => readIdentity(`${path}.absent`));
    await rejectsWithCode('IDENTITY_INVALID', () => readIdentity('/dev/null'));
  });
});
