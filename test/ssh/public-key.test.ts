import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram, runProcess } from '../../src/process.js';
import { readPublicKeys } from '../../src/ssh/public-key.js';
import { waitForLogin } from '../../src/ssh/readiness.js';
import { withEnvironment } from '../support/environment.js';
import { rejectsWithCode } from '../support/rejects.js';
import { temporaryDirectory } from '../support/temporary.js';
import { TestServer } from './sshd.js';

describe("the user's public keys", function () {
  this.slow(3000);
  let server: TestServer;
  let directory: string;

  before(async function () {
    directory = temporaryDirectory(this);
    server = await TestServer.start();
    await server.pin('host-ed25519.pub');
  });
  after(async () => {
    await server.stop();
  });

  function file(name: string, text: string): string {
    const path = join(directory, name);
    writeFileSync(path, text);
    return path;
  }

  for (const type of ['ed25519', 'rsa', 'ecdsa']) {
    it(`log in as they were read: ${type}`, async () => {
      await server.keygen(`mine-${type}`, type);
      const keys = await readPublicKeys([server.path(`mine-${type}.pub`)]);
      await server.authorize(`${keys.map(({ line }) => line).join('\n')}\n`);
      await waitForLogin(server.target({ identityFile: server.path(`mine-${type}`) }), { timeout: 10_000 });
      const listed = await runProcess('ssh-keygen', ['-lf', server.path(`mine-${type}.pub`)]);
      assert.deepEqual(
        keys.map(({ fingerprint }) => fingerprint),
        [listed.stdout.split(' ')[1]],
      );
    });
  }

  it('may be several in one file, with comments and empty lines', async () => {
    const one = await server.keygen('one', 'ed25519');
    const two = await server.keygen('two', 'ed25519');
    const keys = await readPublicKeys([file('two.pub', `# mine\r\n\n  ${one}\n${two.replace(' test', '')}`)]);
    assert.deepEqual(
      keys.map(({ line }) => line),
      [one.trim(), two.replace(' test', '').trim()],
    );
  });

  it('are read by one ssh-keygen, however many, and the one that is none is named with its file', async function () {
    const one = (await server.keygen('first', 'ed25519')).trim();
    const bin = temporaryDirectory(this);
    const real = await findProgram('ssh-keygen');
    writeFileSync(join(bin, 'ssh-keygen'), `#!/bin/sh\necho >>${bin}/calls\nexec ${real ?? ''} "$@"\n`, {
      mode: 0o755,
    });
    await withEnvironment({ PATH: `${bin}:${process.env.PATH ?? ''}` }, async () => {
      const many = file('many.pub', `${one}\n`.repeat(500));
      const keys = await readPublicKeys([many, file('again.pub', one)]);
      assert.equal(keys.length, 501);
      assert.equal(readFileSync(join(bin, 'calls'), 'utf8'), '\n');
      const error = await rejectsWithCode('SSH_KEY_INVALID', () =>
        readPublicKeys([many, file('cut.pub', `${one}\n${one.slice(0, 40)}`)]),
      );
      assert.match(error.message, /cut\.pub of `sshKeys` holds something else than public keys/);
    });
  });

  it('are refused where there are more than are read, not cut', async () => {
    const one = (await server.keygen('long', 'ed25519')).trim();
    const error = await rejectsWithCode('SSH_KEY_INVALID', () =>
      readPublicKeys([file('long.pub', `${one}\n`.repeat(2000))]),
    );
    assert.match(error.message, /long\.pub of `sshKeys` holds more than 64 KiB$/);
  });

  it('are not the private key, which is named as such', async () => {
    await server.keygen('secret', 'ed25519');
    const error = await rejectsWithCode('SSH_KEY_INVALID', () => readPublicKeys([server.path('secret')]));
    assert.match(error.message, /holds a private key/);
    assert.match(error.remedy ?? '', /secret\.pub`$/);
  });

  for (const [what, text] of Object.entries({
    nothing: '',
    'a comment only': '# none\n',
    'a word': 'hello\n',
    'a key cut short': 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA== me\n',
    'a key of another type than it says':
      'ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIPK0cKCOgaWo7LWUyqHkJSpj+rSOxtQuIVUDVxNVs7PW me\n',
    'an option of authorized_keys':
      'command="id" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPK0cKCOgaWo7LWUyqHkJSpj+rSOxtQuIVUDVxNVs7PW me\n',
    'a control character':
      'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPK0cKCOgaWo7LWUyqHkJSpj+rSOxtQuIVUDVxNVs7PW me\u0007\n',
  })) {
    it(`are not ${what}`, async () => {
      await rejectsWithCode('SSH_KEY_INVALID', () => readPublicKeys([file('bad.pub', text)]));
    });
  }

  it('that are not there are named', async () => {
    const error = await rejectsWithCode('SSH_KEY_INVALID', () => readPublicKeys(['/nonexistent/id.pub']));
    assert.match(error.message, /\/nonexistent\/id\.pub .*there is none/);
  });
});
