import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { openOwnFile, ownUid } from '../src/own-file.js';
import { rejectsWithCode } from './support/rejects.js';
import { temporaryDirectory } from './support/temporary.js';

describe('a file of ours', () => {
  it('is made for us alone, whatever the umask, and can be written to and read', async function () {
    const path = join(temporaryDirectory(this), 'lock');
    const umask = process.umask(0o777);
    try {
      for (const text of ['one', 'two']) {
        const file = await openOwnFile(path, 'append');
        await file.write(text);
        await file.close();
      }
    } finally {
      process.umask(umask);
    }
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const file = await openOwnFile(path, 'read');
    assert.equal(await file.readFile('utf8'), 'onetwo');
    await file.close();
  });

  it('that is not there is neither made by who only reads nor called anything else', async function () {
    const path = join(temporaryDirectory(this), 'lock');
    await assert.rejects(openOwnFile(path, 'read'), { code: 'ENOENT' });
    assert.ok(!existsSync(path));
  });

  const planted: [what: string, plant: (path: string, victim: string) => void][] = [
    [
      'a symbolic link',
      (path, victim) => {
        symlinkSync(victim, path);
      },
    ],
    [
      'a symbolic link that leads nowhere',
      (path, victim) => {
        symlinkSync(`${victim}-new`, path);
      },
    ],
    [
      'another name of a file of ours',
      (path, victim) => {
        linkSync(victim, path);
      },
    ],
    [
      'a directory',
      (path) => {
        mkdirSync(path);
      },
    ],
    [
      'a pipe that nobody writes to',
      (path) => {
        execFileSync('mkfifo', [path]);
      },
    ],
  ];
  for (const [what, plant] of planted) {
    it(`is never taken for ${what}`, async function () {
      const directory = temporaryDirectory(this);
      const [path, victim] = [join(directory, 'lock'), join(directory, 'victim')];
      writeFileSync(victim, 'precious');
      plant(path, victim);
      for (const access of ['read', 'append'] as const)
        await rejectsWithCode('FILE_NOT_OURS', () => openOwnFile(path, access));
      assert.equal(readFileSync(victim, 'utf8'), 'precious');
      assert.ok(!existsSync(`${victim}-new`));
    });
  }

  it("is never taken for another user's", async function () {
    let path = '/etc/passwd';
    if (ownUid() === 0) {
      path = join(temporaryDirectory(this), 'lock');
      writeFileSync(path, 'text');
      chownSync(path, 65534, 65534);
    }
    const error = await rejectsWithCode('FILE_NOT_OURS', () => openOwnFile(path, 'read'));
    assert.match(error.message, /got a file of another user \(uid \d+\)$/);
  });
});
