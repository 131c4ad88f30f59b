import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { codeOf, PodmanBootcError } from '../../src/errors.js';
import { runProcess } from '../../src/process.js';
import { generateKeyPair } from '../../src/ssh/keys.js';

describe('generating a key pair', function () {
  this.slow(5000);
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), `pb it's "a" key `));
  });
  afterEach(async () => {
    await rm(directory, { recursive: true });
  });

  it('makes an Ed25519 key that its owner alone can read', async () => {
    const file = join(directory, '-key');
    await generateKeyPair(file, 'podman-bootc: my vm');
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.match(
      await readFile(`${file}.pub`, 'utf8'),
      /^ssh-ed25519 [A-Za-z0-9+/]{68} podman-bootc: my vm\n$/,
    );
  });

  it('makes a hundred keys that OpenSSH and ssh2 both take', async () => {
    const names = Array.from({ length: 100 }, (_, index) => `key${index}`);
    const next = names.values();
    const worker = async () => {
      for (const name of next) await generateKeyPair(join(directory, name), name);
    };
    await Promise.all([worker(), worker(), worker(), worker()]);
    const publicKeys = await Promise.all(
      names.map((name) => readFile(join(directory, `${name}.pub`), 'utf8')),
    );
    await writeFile(join(directory, 'all'), publicKeys.join(''));
    const { exitCode, stdout } = await runProcess('ssh-keygen', ['-l', '-f', join(directory, 'all')]);
    assert.equal(exitCode, 0);
    assert.equal(new Set(stdout.split('\n').map((line) => line.split(' ')[1])).size, 100);
    for (const name of names) {
      const key = ssh2.utils.parseKey(await readFile(join(directory, name)));
      assert.ok(!(key instanceof Error), name);
      const publicKey = ssh2.utils.parseKey(await readFile(join(directory, `${name}.pub`)));
      assert.ok(!(publicKey instanceof Error), name);
      assert.ok(publicKey.verify('text', key.sign('text')), name);
    }
  });

  for (const existing of ['key', 'key.pub']) {
    it(`leaves an existing ${existing} alone`, async () => {
      await writeFile(join(directory, existing), 'precious');
      await assert.rejects(
        generateKeyPair(join(directory, 'key'), 'x'),
        (error) =>
          error instanceof PodmanBootcError &&
          error.code === 'SSH_KEYGEN_FAILED' &&
          error.message.endsWith(`${existing} already exists`),
      );
      assert.equal(await readFile(join(directory, existing), 'utf8'), 'precious');
    });
  }

  it('says what ssh-keygen said when it fails', async () => {
    await assert.rejects(
      generateKeyPair(join(directory, 'missing', 'key'), 'x'),
      (error) =>
        error instanceof PodmanBootcError &&
        error.code === 'SSH_KEYGEN_FAILED' &&
        error.failureClass === 'host' &&
        (error.output ?? '').includes('No such file or directory'),
    );
  });

  it('says what to install when there is no ssh-keygen', async () => {
    const path = process.env.PATH;
    await mkdir(join(directory, 'empty'));
    process.env.PATH = join(directory, 'empty');
    try {
      await assert.rejects(
        generateKeyPair(join(directory, 'key'), 'x'),
        (error) =>
          codeOf(error) === 'PROGRAM_NOT_FOUND' &&
          error instanceof PodmanBootcError &&
          (error.remedy ?? '').includes('openssh-client'),
      );
    } finally {
      process.env.PATH = path;
    }
  });
});
