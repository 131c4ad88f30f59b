import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  hasPassword,
  isPasswordPending,
  preparePassword,
  readPassword,
} from '../../../src/vm/guest/password.js';
import { directoryOf, findVirtualMachine } from '../../../src/vm/virtual-machine.js';
import { rejectsWithCode } from '../../support/rejects.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { openTestHost } from '../../support/test-host.js';

describe("root's password", () => {
  for (const [text, password] of [
    ['secret', 'secret'],
    ['secret\n', 'secret'],
    ['  with spaces \r\n', '  with spaces '],
    ['ünï: $6$ 漢字\n', 'ünï: $6$ 漢字'],
  ] as const) {
    it(`is read from ${JSON.stringify(text)}`, async function () {
      const file = join(temporaryDirectory(this), 'password');
      writeFileSync(file, text);
      assert.equal(await readPassword(file), password);
    });
  }

  for (const text of ['', '\n', 'two\nlines', 'a\u0000b', 'x'.repeat(512)]) {
    it(`is not ${JSON.stringify(text.slice(0, 20))}, and no message shows it`, async function () {
      const file = join(temporaryDirectory(this), 'password');
      writeFileSync(file, text);
      const error = await rejectsWithCode('PASSWORD_FILE_INVALID', () => readPassword(file));
      assert.ok(text.trim() === '' || !`${error.message}${error.remedy ?? ''}`.includes(text.slice(0, 9)));
    });
  }

  it('is kept as a hash that OpenSSL makes too, in a private file, until the guest has it', async function () {
    const { host } = await openTestHost(this, [{ name: 'a', state: 'shut off' }]);
    const vm = await findVirtualMachine(host, 'a');
    const directory = directoryOf(vm);
    assert.ok(directory);
    assert.equal(await isPasswordPending(vm), false);
    assert.equal(await hasPassword(vm, 'secret ü'), false);
    await preparePassword(directory, 'secret ü');
    const hash = readFileSync(directory.password, 'utf8');
    assert.equal(statSync(directory.password).mode & 0o777, 0o600);
    const [, , salt = ''] = hash.split('$');
    const openssl = spawnSync('openssl', ['passwd', '-6', '-salt', salt, '-stdin'], {
      input: 'secret ü\n',
      encoding: 'utf8',
    });
    assert.equal(`${hash}\n`, openssl.stdout, openssl.stderr);
    assert.deepEqual(
      [await isPasswordPending(vm), await hasPassword(vm, 'secret ü'), await hasPassword(vm, 'secret')],
      [true, true, false],
    );
  });
});
