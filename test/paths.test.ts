import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isThere, namesIn } from '../src/paths.js';
import { temporaryDirectory } from './support/temporary.js';

describe('what is at a path', () => {
  it('is told of files, directories and links, wherever they lead', async function () {
    const root = temporaryDirectory(this);
    mkdirSync(join(root, 'directory'));
    writeFileSync(join(root, 'file'), '');
    symlinkSync('nowhere', join(root, 'link'));
    symlinkSync('loop', join(root, 'loop'));
    for (const name of ['directory', 'file', 'link', 'loop'])
      assert.ok(await isThere(join(root, name)), name);
    // What may lie behind a loop of links cannot be looked at.
    assert.ok(await isThere(join(root, 'loop', 'x')));
    for (const name of ['nothing', 'nothing/below', 'file/below'])
      assert.ok(!(await isThere(join(root, name))), name);
  });

  it('is nothing where there is no directory, and an error where one cannot be read', async function () {
    const root = temporaryDirectory(this);
    writeFileSync(join(root, 'file'), '');
    symlinkSync('loop', join(root, 'loop'));
    assert.deepEqual(await namesIn(root), ['file', 'loop']);
    assert.deepEqual(await namesIn(join(root, 'nothing')), []);
    assert.deepEqual(await namesIn(join(root, 'file')), []);
    await assert.rejects(namesIn(join(root, 'loop')), { code: 'ELOOP' });
  });
});
