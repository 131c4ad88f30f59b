import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { PodmanBootcError } from '../src/errors.js';
import { explainSystemError, isOutOfSpace } from '../src/system-error.js';
import { temporaryDirectory } from './support/temporary.js';

/** As Node makes them. */
function systemError(code: string, path?: string): Error {
  return Object.assign(new Error(`${code}: something, open`), {
    code,
    syscall: 'open',
    ...(path !== undefined && { path }),
  });
}

describe('failures of the operating system', () => {
  for (const [code, ours, sentence] of [
    ['ENOSPC', 'STORAGE_FULL', 'There is no space left on the device: /d/f'],
    ['EDQUOT', 'STORAGE_FULL', 'The quota of disk space is used up: /d/f'],
    ['EROFS', 'STORAGE_READ_ONLY', 'The file system is read-only: /d/f'],
    ['EACCES', 'STORAGE_FORBIDDEN', 'There is no permission to open: /d/f'],
    ['ELOOP', 'PATH_UNUSABLE', 'There is a loop of symbolic links on the way to a file: /d/f'],
    ['ENOTDIR', 'PATH_UNUSABLE', 'There is something else than a directory on the way to a file: /d/f'],
  ] as const) {
    it(`${code} is said in a sentence, with a remedy and the exit code of a host that lacks something`, () => {
      const error = explainSystemError(systemError(code, '/d/f'));
      assert.ok(error instanceof PodmanBootcError);
      assert.deepEqual([error.code, error.message, error.failureClass], [ours, sentence, 'host']);
      assert.ok(error.remedy !== undefined && error.cause instanceof Error);
    });
  }

  it('that are a quota are known by their number, for which Node has no name', () => {
    const errno = -constants.errno.EDQUOT;
    const error = Object.assign(systemError(`Unknown system error ${errno}`, '/d/f'), { errno });
    assert.ok(isOutOfSpace(error));
    const explained = explainSystemError(error);
    assert.ok(explained instanceof PodmanBootcError);
    assert.equal(explained.message, 'The quota of disk space is used up: /d/f');
  });

  it('without a path are said without one', () => {
    const error = explainSystemError(systemError('ENOSPC'));
    assert.ok(error instanceof PodmanBootcError);
    assert.equal(error.message, 'There is no space left on the device');
  });

  it('that nobody can do something about stay as they are, as do all other errors', async function () {
    const directory = temporaryDirectory(this);
    const missing: unknown = await readFile(join(directory, 'none')).catch((error: unknown) => error);
    const existing: unknown = await mkdir(directory).catch((error: unknown) => error);
    const libvirt = Object.assign(new Error('no'), { code: 'EACCES' });
    for (const error of [missing, existing, libvirt, new Error('x'), 'text', undefined])
      assert.equal(explainSystemError(error), error);
  });

  it('are of space where the device or the quota has none', () => {
    assert.ok(isOutOfSpace(systemError('ENOSPC')) && isOutOfSpace(systemError('EDQUOT')));
    assert.ok(!isOutOfSpace(systemError('EROFS')) && !isOutOfSpace(undefined));
  });
});
