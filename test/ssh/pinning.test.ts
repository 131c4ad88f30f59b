import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pin, readPinnedKeys } from '../../src/ssh/pinning.js';
import type { LoginTarget } from '../../src/ssh/target.js';
import { rejectsWithCode } from '../support/rejects.js';
import { temporaryDirectory } from '../support/temporary.js';

/** A host key in its wire form (RFC 4253, 6.6). */
function wireKey(content: string): Buffer {
  const type = Buffer.from('ssh-ed25519');
  const part = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes]);
  return Buffer.concat([part(type), part(Buffer.from(content.padEnd(32, '.')))]);
}

describe('the file of pinned host keys', () => {
  let directory: string;
  let target: LoginTarget;

  beforeEach(function () {
    directory = temporaryDirectory(this);
    target = {
      host: '127.0.0.1',
      port: 1,
      user: 'root',
      identityFile: '/nonexistent',
      knownHostsFile: join(directory, 'known_hosts'),
      hostKeyAlias: 'podman-bootc-0123456789ab',
    };
  });

  it('gets a key once, readable by its owner only, with nothing left beside it', async () => {
    assert.deepEqual(await readPinnedKeys(target), []);
    assert.equal(await pin(target, wireKey('first')), true);
    assert.equal(await pin(target, wireKey('first')), false);
    assert.deepEqual(readdirSync(directory), ['known_hosts']);
    assert.equal(statSync(target.knownHostsFile).mode & 0o777, 0o600);
    assert.equal(readFileSync(target.knownHostsFile, 'utf8').split('\n').length, 2);
    await rejectsWithCode('HOST_KEY_MISMATCH', () => pin(target, wireKey('second')));
  });

  for (const [what, put] of [
    [
      'a directory',
      (file: string) => {
        mkdirSync(file);
      },
    ],
    [
      'a FIFO, which nobody writes to',
      (file: string) => {
        execFileSync('mkfifo', [file]);
      },
    ],
    [
      'a link',
      (file: string) => {
        writeFileSync(`${file}.real`, '');
        symlinkSync(`${file}.real`, file);
      },
    ],
  ] as const) {
    it(`is not read when it is ${what}, and no key is trusted for want of one`, async () => {
      put(target.knownHostsFile);
      const error = await rejectsWithCode('KNOWN_HOSTS_UNUSABLE', () => readPinnedKeys(target));
      assert.ok(error.message.includes(target.knownHostsFile));
      await rejectsWithCode('KNOWN_HOSTS_UNUSABLE', () => pin(target, wireKey('first')));
      rmSync(target.knownHostsFile, { recursive: true });
    });
  }
});
