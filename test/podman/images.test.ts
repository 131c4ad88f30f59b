import assert from 'node:assert/strict';
import { imageTable } from '../../src/cli/actions/images.js';
import { imageName, listBootcImages, namesOf, type Image } from '../../src/podman/images.js';
import { parseImageReference } from '../../src/podman/reference.js';
import { pathWith } from '../doctor/support.js';
import { withPodman } from '../support/fake-podman.js';
import { temporaryDirectory } from '../support/temporary.js';

describe('the name that an image is recorded under', () => {
  const image: Image = {
    id: 'ab'.repeat(32),
    digest: undefined,
    names: ['quay.io/fedora/fedora-bootc:42', 'localhost/mine:latest'],
    digests: [],
    architecture: 'amd64',
    size: 1,
    labels: {},
    layers: [],
  };

  const digest = (digit: string): string => `sha256:${digit.repeat(64)}`;
  const name = (word: string, differing: Partial<Image> = {}, installed: string[] = []): string =>
    imageName({ ...image, ...differing }, parseImageReference(word), installed);

  it('is the tag that was meant', () => {
    assert.equal(name('mine'), 'localhost/mine:latest');
    assert.equal(name('localhost/mine'), 'localhost/mine:latest');
    assert.equal(name('containers-storage:localhost/mine'), 'localhost/mine:latest');
    assert.equal(name('fedora/fedora-bootc:42'), 'quay.io/fedora/fedora-bootc:42');
    assert.equal(
      name('app:1', { names: ['quay.io/b/app:1', 'quay.io/a/app:1', 'localhost/app:1'] }),
      'localhost/app:1',
      'as podman resolves it',
    );
    assert.equal(name('mine', {}, ['quay.io/fedora/fedora-bootc:42']), 'localhost/mine:latest');
  });

  it('is one and the same for the ID, however much of it, in whatever order podman has the names', () => {
    const names = ['quay.io/b:2', 'localhost/a:1', 'quay.io/b:1'];
    for (const order of [names, [...names].reverse()]) {
      for (const word of [image.id, `sha256:${image.id}`, 'abab', 'a', `containers-storage:${image.id}`])
        assert.equal(name(word, { names: order }), 'quay.io/b:1', word);
    }
  });

  it('is for an ID the one under which the image was installed before', () => {
    const names = ['quay.io/b:2', 'localhost/a:1', 'quay.io/b:1'];
    assert.equal(name('abab', { names }, ['localhost/a:1', 'quay.io/b:2']), 'localhost/a:1');
  });

  it('may be one that podman does not list with the image, but not one that means another image by now', async function () {
    const other = 'cd'.repeat(32);
    const script = `case "$4" in
quay.io/elsewhere:1) id=${image.id};; quay.io/moved:1) id=${other};; *) echo 'image not known' >&2; [ "$2" = exists ] && exit 1; exit 125;; esac
echo '[{"Id": "'$id'", "Architecture": "amd64", "Size": 1}]'`;
    const installed = [
      'quay.io/moved:1',
      'quay.io/gone:1',
      'quay.io/elsewhere:1',
      'localhost/mine:latest',
      image.id,
    ];
    const names = await withPodman(this, script, () => namesOf({ kind: 'local' }, image, installed));
    assert.deepEqual(names, ['quay.io/elsewhere:1', 'localhost/mine:latest', image.id]);
    assert.equal(name('abab', {}, names), 'quay.io/elsewhere:1');
    assert.equal(name(`elsewhere@${digest('1')}`, {}, names), 'quay.io/elsewhere:1');
  });

  it('is for a digest a tag of its repository, if there is one', () => {
    const names = ['quay.io/b:2', 'quay.io/a:9', 'quay.io/a:1'];
    const digests = [`quay.io/b@${digest('1')}`, `quay.io/a@${digest('1')}`, `quay.io/a@${digest('2')}`];
    for (const word of [`quay.io/a@${digest('1')}`, `a@${digest('2')}`, `quay.io/a:7@${digest('1')}`])
      assert.equal(name(word, { names, digests }), 'quay.io/a:1', word);
    assert.equal(name(`quay.io/a:9@${digest('1')}`, { names, digests }), 'quay.io/a:9');
    assert.equal(name(`quay.io/a@${digest('1')}`, { names, digests }, ['quay.io/a:9']), 'quay.io/a:9');
  });

  it('is for an image that was pulled by its digest that one, and its ID leads to it', () => {
    const digests = [`quay.io/a@${digest('2')}`, `quay.io/a@${digest('1')}`];
    for (const word of [`quay.io/a@${digest('2')}`, 'abab', image.id])
      assert.equal(name(word, { names: [], digests }), `quay.io/a@${digest('1')}`, word);
    assert.equal(
      name('abab', { names: [], digests }, [`quay.io/a@${digest('2')}`]),
      `quay.io/a@${digest('2')}`,
    );
  });

  it('is the whole ID of an image without any', () => {
    for (const word of ['abab', image.id]) assert.equal(name(word, { names: [] }), image.id);
  });

  it('is not taken for an ID where it only looks like one', () => {
    assert.equal(name('abab', { names: ['quay.io/x:1', 'localhost/abab:latest'] }), 'localhost/abab:latest');
  });
});

describe('the list of images', () => {
  const image = (id: string, ...names: string[]): object => ({
    Id: id.repeat(64),
    Names: names,
    Digest: `sha256:${id.repeat(64)}`,
    Size: 1e9,
    Created: 1_780_000_000,
  });

  it('has each image once, with each of its names once, as podman 4.3 repeats it for each of them', async function () {
    const names = ['localhost/os:1', 'localhost/os:latest'];
    const answer = [image('a', ...names), image('b'), image('a', ...names)];
    const before = process.env.PATH;
    process.env.PATH = pathWith(temporaryDirectory(this), { podman: `echo '${JSON.stringify(answer)}'` });
    try {
      const listed = await listBootcImages({ kind: 'local' });
      assert.deepEqual(
        listed.map((each) => [each.id.charAt(0), each.names]),
        [
          ['a', names],
          ['b', []],
        ],
      );
      assert.equal(imageTable(listed).trimEnd().split('\n').length, 4);
    } finally {
      process.env.PATH = before;
    }
  });
});
