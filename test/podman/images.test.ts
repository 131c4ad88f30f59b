import assert from 'node:assert/strict';
import { checkImageReference, imageName, type Image } from '../../src/podman/images.js';
import { rejectsWithCode } from '../support/rejects.js';

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
