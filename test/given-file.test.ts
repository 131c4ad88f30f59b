import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GivenFileError, readGivenFile } from '../src/given-file.js';
import { readPublicKeys } from '../src/ssh/public-key.js';
import { checkCloudInit } from '../src/vm/guest/cloud-init.js';
import { readPassword } from '../src/vm/guest/password.js';
import { rejectsWithCode } from './support/rejects.js';
import { temporaryDirectory } from './support/temporary.js';

describe('a file that a user names', () => {
  let directory: string;
  beforeEach(function () {
    directory = temporaryDirectory(this);
  });

  function fifo(name: string): string {
    const path = join(directory, name);
    assert.equal(spawnSync('mkfifo', [path]).status, 0);
    return path;
  }

  async function refusal(path: string, most = 1024, patience = 300): Promise<string> {
    const begin = performance.now();
    try {
      await readGivenFile(path, { most, patience });
    } catch (error) {
      assert.ok(error instanceof GivenFileError);
      assert.ok(performance.now() - begin < 10_000);
      return error.message;
    }
    throw new assert.AssertionError({ message: `${path} was read` });
  }

  it('is read to its end, up to the last byte that it may have', async () => {
    const path = join(directory, 'file');
    for (const text of ['', 'ä', 'x'.repeat(1024)]) {
      writeFileSync(path, text);
      assert.equal(await readGivenFile(path, { most: 1024 }), text);
    }
    assert.equal(await readGivenFile('/proc/self/comm', { most: 1024 }), 'node\n');
  });

  it('may be a pipe, whose writer takes its time and writes piece by piece', async () => {
    const path = fifo('pipe');
    spawn('sh', ['-c', 'sleep 0.3; exec >"$1"; echo one; sleep 0.3; echo two', 'sh', path]);
    assert.equal(await readGivenFile(path, { most: 1024 }), 'one\ntwo\n');
    const { stdout } = spawnSync(
      'bash',
      [
        '-c',
        '"$1" --input-type=module -e \'const { readGivenFile } = await import(process.argv[1]); process.stdout.write(await readGivenFile(process.argv[2], { most: 99 }))\' "$2" <(sleep 0.2; echo secret)',
        'bash',
        process.execPath,
        new URL('../src/given-file.js', import.meta.url).href,
      ],
      { encoding: 'utf8' },
    );
    assert.equal(stdout, 'secret\n');
  });

  it('is refused with one reason where it has no end, or more than is read', async () => {
    const late = /^cannot be read: its end did not come within 0\.3 s; is there nobody who writes to it\?$/;
    assert.match(await refusal(fifo('silent')), late);
    const slow = fifo('slow');
    const writer = spawn('sh', ['-c', 'exec >"$1"; while echo x; do sleep 0.05; done', 'sh', slow]);
    assert.match(await refusal(slow), late);
    writer.kill();
    const endless = fifo('endless');
    spawn('sh', ['-c', 'yes >"$1"', 'sh', endless], { stdio: 'ignore' });
    assert.equal(await refusal(endless, 100_000, 10_000), 'holds more than 97.7 KiB');
    const long = join(directory, 'long');
    writeFileSync(long, 'x'.repeat(1025));
    assert.equal(await refusal(long), 'holds more than 1 KiB');
  });

  it('is refused where it is no file', async () => {
    for (const device of ['/dev/zero', '/dev/null', '/dev/tty'])
      assert.equal(await refusal(device), 'is a device or a socket, neither a file nor a pipe');
    assert.equal(await refusal(directory), 'is a directory, not a file');
    assert.equal(await refusal(join(directory, 'none')), 'cannot be read: there is none');
    const loop = join(directory, 'loop');
    symlinkSync(loop, loop);
    assert.match(await refusal(loop), /^cannot be read: ELOOP/);
    assert.match(await refusal('a\0b'), /^cannot be read: /);
    const binary = join(directory, 'binary');
    writeFileSync(binary, Buffer.from([0xff, 0xfe]));
    assert.equal(await refusal(binary), 'is not text in UTF-8');
  });

  it('is refused by the option that names it', async () => {
    for (const path of [directory, '/dev/zero', join(directory, 'none')]) {
      const key = await rejectsWithCode('SSH_KEY_INVALID', () => readPublicKeys([path]));
      assert.match(key.message, /of `sshKeys` (is|cannot be)/);
      const password = await rejectsWithCode('PASSWORD_FILE_INVALID', () => readPassword(path));
      assert.match(password.message, /of `passwordFile` (is|cannot be)/);
    }
    const long = join(directory, 'long');
    writeFileSync(long, 'x'.repeat(5000));
    const error = await rejectsWithCode('PASSWORD_FILE_INVALID', () => readPassword(long));
    assert.match(error.message, /holds more than 4 KiB$/);
  });

  it('is refused in the directory of --cloudinit', async () => {
    const data = join(directory, 'data');
    mkdirSync(join(data, 'more'), { recursive: true });
    for (const name of ['user-data', 'meta-data', 'more/file']) writeFileSync(join(data, name), '');
    assert.equal(await checkCloudInit(data), data);
    const extra = join(data, 'more', 'extra');
    symlinkSync('/dev/zero', extra);
    const device = await rejectsWithCode('CLOUD_INIT_INVALID', () => checkCloudInit(data));
    assert.equal(
      device.message,
      `${extra} of \`cloudInit\` is a device or a socket, neither a file nor a pipe`,
    );
    fifo('data/pipe');
    await rejectsWithCode('CLOUD_INIT_INVALID', () => checkCloudInit(data));
    const large = join(directory, 'large');
    mkdirSync(large);
    for (const name of ['user-data', 'meta-data']) {
      writeFileSync(join(large, name), '');
      truncateSync(join(large, name), 40_000_000);
    }
    const error = await rejectsWithCode('CLOUD_INIT_INVALID', () => checkCloudInit(large));
    assert.match(error.message, /of `cloudInit` holds more than 64 MiB$/);
  });
});
