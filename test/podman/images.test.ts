import assert from 'node:assert/strict';
import { imageTable } from '../../src/cli/images.js';
import { checkImageReference, imageName, listBootcImages, type Image } from '../../src/podman/images.js';
import { pathWith } from '../doctor/support.js';
import { rejectsWithCode } from '../support/rejects.js';
import { temporaryDirectory } from '../support/temporary.js';

describe('image references', () => {
  for (const reference of [
    'fedora',
    'quay.io/fedora/fedora-bootc:42',
    'localhost:5000/a/b@sha256:0123',
    'abc123',
  ]) {
    it(`takes ${reference}`, () => {
      checkImageReference(reference);
    });
  }

  for (const reference of [
    '',
    '--privileged',
    '-v',
    'a b',
    '../x',
    'a;b',
    '$(x)',
    '<&>"',
    'x\ny',
    'x'.repeat(2000),
  ]) {
    it(`refuses ${JSON.stringify(reference.slice(0, 20))}`, async () => {
      await rejectsWithCode('IMAGE_REFERENCE_INVALID', () => {
        checkImageReference(reference);
      });
    });
  }

  const image: Image = {
    id: 'ab'.repeat(32),
    digest: undefined,
    names: ['quay.io/fedora/fedora-bootc:42', 'localhost/mine:latest'],
    digests: [],
    architecture: 'amd64',
    size: 1,
    labels: {},
  };

  it('records the tag that was meant', () => {
    assert.equal(imageName(image, 'mine'), 'localhost/mine:latest');
    assert.equal(imageName(image, 'fedora/fedora-bootc:42'), 'quay.io/fedora/fedora-bootc:42');
    assert.equal(imageName(image, 'abab'), 'quay.io/fedora/fedora-bootc:42', 'by ID');
    assert.equal(imageName({ ...image, names: [] }, 'abab'), 'abab', 'an image without a tag');
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
