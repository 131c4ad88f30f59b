import assert from 'node:assert/strict';
import { checkName, chooseIdentity, idOf, isIdPrefix, matchesId } from '../../src/vm/identity.js';
import { rejectsWithCode } from '../support/rejects.js';

const imageId = '5d31f6c3a1b2aabbccddeeff00112233445566778899aabbccddeeff00112233';

describe('identity of a VM', () => {
  it('comes from the image when it has no name, so that its ID is the short ID of the image', () => {
    const { name, uuid } = chooseIdentity(imageId, undefined);
    assert.equal(uuid, '5d31f6c3-a1b2-aabb-ccdd-eeff00112233');
    assert.equal(idOf(uuid), imageId.slice(0, 12));
    assert.equal(name, 'podman-bootc-5d31f6c3a1b2');
  });

  it('is random when it has a name', () => {
    const [one, two] = [chooseIdentity(imageId, 'web'), chooseIdentity(imageId, 'web')];
    assert.equal(one.name, 'web');
    assert.notEqual(one.uuid, two.uuid);
  });

  for (const name of ['web', 'web-1', 'A.b_c', '5d31', 'x'.repeat(63)]) {
    it(`takes the name ${name.slice(0, 20)}`, () => {
      checkName(name);
    });
  }

  for (const name of [
    '',
    'x'.repeat(300),
    '../x',
    '.',
    '..',
    '-x',
    'a b',
    'a\nb',
    'a\u0000b',
    '\u001b[31m',
    '<&>"',
    'ä',
    'a/b',
    '$(x)',
  ]) {
    it(`refuses the name ${JSON.stringify(name.slice(0, 20))} in one short sentence`, async () => {
      const error = await rejectsWithCode('NAME_INVALID', () => {
        checkName(name);
      });
      assert.ok(error.message.length < 300);
      // eslint-disable-next-line no-control-regex -- that none is shown is what is tested
      assert.doesNotMatch(error.message, /[\u0000-\u001f]/);
    });
  }

  for (const name of [
    '5d31f6c3a1b2',
    '5D31F6C3A1B2',
    'a'.repeat(32),
    '5d31f6c3-a1b2-4c5d-8e9f-001122334455',
  ]) {
    it(`refuses the name ${name}, which looks like an ID`, async () => {
      const error = await rejectsWithCode('NAME_INVALID', () => {
        checkName(name);
      });
      assert.match(error.message, /takes for an ID/);
    });
  }

  it('gives a new VM an ID that begins with no name of another', () => {
    const names = '01234567'.split('');
    for (let n = 0; n < 20; n++) {
      const { uuid } = chooseIdentity(imageId, 'web', names);
      assert.match(uuid, /^[89a-f]/);
    }
    // As long as there is another.
    assert.ok(chooseIdentity(imageId, 'web', '0123456789abcdef'.split('')).uuid);
  });

  it('is found by the beginning of its ID, with or without dashes, in either case', () => {
    const { uuid } = chooseIdentity(imageId, undefined);
    for (const prefix of ['5', '5d31f6c3', '5D31F6C3A1', '5d31f6c3-a1b2', uuid]) {
      assert.ok(isIdPrefix(prefix) && matchesId(uuid, prefix), prefix);
    }
    assert.ok(!matchesId(uuid, 'd31'));
    for (const word of ['', '-', 'xyz', '5d31*', '5d g']) assert.ok(!isIdPrefix(word), word);
  });
});
