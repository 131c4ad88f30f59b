import assert from 'node:assert/strict';
import { fingerprint, ImageTree, stateIn } from '../../src/oci/tree.js';
import { temporaryDirectory } from '../support/temporary.js';
import { makeLayer, type Files } from './archive-support.js';

describe('the files of an image, by its layers', () => {
  let directory: string;
  let count = 0;

  before(function () {
    directory = temporaryDirectory(this);
  });

  const layer = (files: Files, ...options: string[]): string =>
    makeLayer(directory, `layer-${++count}`, files, options);
  const tree = (...layers: Files[]): Promise<ImageTree> =>
    ImageTree.empty().with(layers.map((files) => layer(files)));

  const base: Files = {
    'usr/a/one': '1',
    'usr/a/two': '2',
    'usr/a/deep/three': '3',
    'usr/b': 'b',
    'etc/conf': 'c',
  };

  /** The paths at which two trees differ, not counting what is another entry of the same. */
  async function changes(one: ImageTree, other: ImageTree): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    for (const path of one.differing(other)) {
      const [before, after] = [await stateIn(one, path), await stateIn(other, path)];
      if (before !== after)
        found[path] = [before, after].map((state) => state?.split(' ', 1)[0] ?? 'nothing').join(' to ');
    }
    return found;
  }

  it('are what is uppermost, without what a whiteout takes away', async () => {
    const image = await tree(base, { 'usr/a/one': 'new', 'usr/a/.wh.two': '', '.wh.etc': '' });
    assert.notEqual(await stateIn(image, 'usr/a/one'), await stateIn(await tree(base), 'usr/a/one'));
    assert.ok(image.has('usr/a/deep/three'));
    for (const path of ['usr/a/two', 'etc', 'etc/conf']) assert.ok(!image.has(path), path);
  });

  it('are only those of the layer in an opaque directory, and of later ones', async () => {
    const image = await tree(base, { 'usr/a/.wh..wh..opq': '', 'usr/a/four': '4' }, { 'usr/a/five': '5' });
    assert.deepEqual(
      ['one', 'two', 'deep', 'deep/three', 'four', 'five'].filter((name) => image.has(`usr/a/${name}`)),
      ['four', 'five'],
    );
  });

  it('change from a directory to a file and back', async () => {
    const first = await tree(base);
    const file = await first.with([layer({ 'usr/a': 'a file' })]);
    assert.deepEqual(await changes(first, file), {
      'usr/a': 'directory to file',
      'usr/a/deep': 'directory to nothing',
      'usr/a/deep/three': 'file to nothing',
      'usr/a/one': 'file to nothing',
      'usr/a/two': 'file to nothing',
    });
    const again = await file.with([layer({ 'usr/a/one': '1' })]);
    assert.deepEqual(Object.keys(await changes(first, again)), [
      'usr/a/deep',
      'usr/a/deep/three',
      'usr/a/two',
    ]);
    assert.deepEqual(await changes(first, first), {}, 'the first is as it was');
  });

  it('are the same when only their times differ, and others when their permissions or content do', async () => {
    const first = await tree(base);
    const touched = await first.with([layer(base, '--mtime=@99')]);
    assert.ok([...first.differing(touched)].length > 0);
    assert.deepEqual(await changes(first, touched), {});
    const modes = await first.with([layer({ 'usr/b': 'b' }, '--mode=u+x')]);
    assert.deepEqual(await changes(first, modes), { 'usr/b': 'file to file' });
    // As long as before.
    assert.deepEqual(await changes(first, await first.with([layer({ 'usr/b': 'B' })])), {
      'usr/b': 'file to file',
    });
  });

  it('have what they are other names of', async () => {
    const image = await tree({ 'usr/one': 'same', 'usr/two': '= usr/one' });
    assert.equal(await stateIn(image, 'usr/one'), await stateIn(image, 'usr/two'));
    assert.deepEqual(
      await changes(image, await image.with([layer({ 'usr/one': 'other', 'usr/two': '= usr/one' })])),
      { 'usr/one': 'file to file', 'usr/two': 'file to file' },
    );
  });

  it('share what they have in common', async () => {
    const common = await tree(base);
    const one = await common.with([layer({ 'usr/b': '1' })]);
    const other = await common.with([layer({ 'usr/c': '2' })]);
    assert.deepEqual([...one.differing(other)], ['usr', 'usr/b', 'usr/c']);
  });

  it('are told in one line each', async () => {
    const image = await tree({ 'usr/link': '-> b', 'usr/b': 'b' });
    const told = async (path: string): Promise<string> => fingerprint(image.get(path) ?? assert.fail(path));
    assert.equal(await told('usr'), 'directory 755 0 0');
    assert.equal(await told('usr/link'), 'symlink 0 0 b');
    assert.equal(
      await told('usr/b'),
      'file 644 0 0 3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d',
    );
    assert.equal(await stateIn(image, 'usr/nothing'), null);
  });
});
