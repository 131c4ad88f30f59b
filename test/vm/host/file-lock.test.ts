import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { lockFile, unlockFile } from '../../../src/vm/host/file-lock.js';
import { projectRoot } from '../../support/project.js';
import { temporaryDirectory } from '../../support/temporary.js';

describe('A file lock', () => {
  let path: string;
  let files: FileHandle[] = [];

  beforeEach(function () {
    path = join(temporaryDirectory(this), 'lock');
  });
  afterEach(async () => {
    await Promise.all(files.map((file) => file.close()));
    files = [];
  });

  async function descriptor(): Promise<number> {
    const file = await open(path, 'a');
    files.push(file);
    return file.fd;
  }

  it('is held by one open file at a time', async () => {
    const [one, other] = [await descriptor(), await descriptor()];
    assert.equal(await lockFile(one), true);
    assert.equal(await lockFile(other, { wait: false }), false);
    await unlockFile(one);
    assert.equal(await lockFile(other, { wait: false }), true);
  });

  it('may be taken again by who has it', async () => {
    const fd = await descriptor();
    assert.equal(await lockFile(fd), true);
    assert.equal(await lockFile(fd, { wait: false }), true);
  });

  it('is shared among those who want to share it', async () => {
    const [one, other, third] = [await descriptor(), await descriptor(), await descriptor()];
    assert.equal(await lockFile(one, { shared: true }), true);
    assert.equal(await lockFile(other, { shared: true, wait: false }), true);
    assert.equal(await lockFile(third, { wait: false }), false);
  });

  it('is waited for', async () => {
    const [one, other] = [await descriptor(), await descriptor()];
    await lockFile(one);
    let released = false;
    setTimeout(() => {
      released = true;
      void unlockFile(one);
    }, 50);
    assert.equal(await lockFile(other), true);
    assert.equal(released, true);
  });

  it('ends when its file is closed', async () => {
    const file = await open(path, 'a');
    await lockFile(file.fd);
    const other = await descriptor();
    assert.equal(await lockFile(other, { wait: false }), false);
    await file.close();
    assert.equal(await lockFile(other, { wait: false }), true);
  });

  it('ends when its process is killed', async () => {
    const program = `
      import { openSync } from 'node:fs';
      import { lockFile } from ${JSON.stringify(join(projectRoot, 'dist/src/vm/host/file-lock.js'))};
      await lockFile(openSync(${JSON.stringify(path)}, 'a'));
      console.log('locked');
      setInterval(() => undefined, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    const fd = await descriptor();
    assert.equal(await lockFile(fd, { wait: false }), false);
    child.kill('SIGKILL');
    assert.equal(await lockFile(fd, { signal: AbortSignal.timeout(2000) }), true);
  });

  it('is not taken after waiting for it was given up', async () => {
    const [one, other, third] = [await descriptor(), await descriptor(), await descriptor()];
    await lockFile(one);
    const abort = new AbortController();
    const waiting = lockFile(other, { signal: abort.signal });
    setTimeout(() => {
      abort.abort(new Error('enough'));
    }, 20);
    await assert.rejects(waiting, { message: 'enough' });
    await unlockFile(one);
    assert.equal(await lockFile(third, { wait: false }), true);
  });

  it('of a descriptor that is not open is an error', async () => {
    await assert.rejects(lockFile(1_000_000), { code: 'EBADF', syscall: 'flock' });
  });

  it('refuses arguments of the wrong type', async () => {
    await assert.rejects(lockFile('1' as never), {
      name: 'TypeError',
      message: "Expected `fd` to be a file descriptor, got '1'",
    });
    await assert.rejects(lockFile(1, { wait: 'no' as never }), { name: 'TypeError' });
    await assert.rejects(unlockFile(-1), { name: 'TypeError' });
  });
});
