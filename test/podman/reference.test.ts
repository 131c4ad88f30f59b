import assert from 'node:assert/strict';
import { parseImageReference } from '../../src/podman/reference.js';
import { provideVirtualMachine } from '../../src/vm/create/provide.js';
import { withPodman } from '../support/fake-podman.js';
import { rejectsWithCode } from '../support/rejects.js';
import { openTestHost } from '../support/test-host.js';

const digest = `sha256:${'0a'.repeat(32)}`;
const id = 'ab'.repeat(32);
const plain = { id: undefined, tag: undefined, digest: undefined, storeOnly: false };

describe('an image reference', () => {
  for (const [word, parts] of [
    ['fedora', { name: 'fedora' }],
    ['abc123', { name: 'abc123', id: 'abc123' }],
    ['quay.io/fedora/fedora-bootc:42', { name: 'quay.io/fedora/fedora-bootc', tag: '42' }],
    ['localhost:5000/a/b', { name: 'localhost:5000/a/b' }],
    ['QUAY.io/a/b__c.d_e---f:Tag_1.-', { name: 'QUAY.io/a/b__c.d_e---f', tag: 'Tag_1.-' }],
    ['[::1]:5000/a', { name: '[::1]:5000/a' }],
    [`a/b@${digest}`, { name: 'a/b', digest }],
    [`a/b:1@${digest}`, { name: 'a/b', tag: '1', digest }],
    [`a:${'t'.repeat(128)}`, { name: 'a', tag: 't'.repeat(128) }],
    ['a@sha512:' + '0'.repeat(128), { name: 'a', digest: 'sha512:' + '0'.repeat(128) }],
  ] as const) {
    it(`is ${word.slice(0, 40)}`, () => {
      assert.deepEqual(parseImageReference(word), { text: word, ...plain, ...parts });
    });
  }

  it('is a whole ID, with or without sha256: before it', () => {
    for (const word of [id, `sha256:${id}`])
      assert.deepEqual(parseImageReference(word), { ...plain, text: id, id, name: undefined });
  });

  it('may say that it is in the store', () => {
    assert.deepEqual(parseImageReference('containers-storage:localhost/x:1'), {
      ...plain,
      text: 'localhost/x:1',
      name: 'localhost/x',
      tag: '1',
      storeOnly: true,
    });
    assert.equal(parseImageReference(`containers-storage:${id}`).id, id);
  });

  const wrong: Record<string, [what: RegExp, remedy?: RegExp]> = {
    '': [/it is empty/],
    '--privileged': [/"--privileged" is not a part of a name/],
    '-v': [/not a part of a name/],
    'a b': [/spaces/],
    'x\ny': [/control characters/],
    ä: [/letters beyond ASCII/],
    '../x': [/"\.\." is not a registry/],
    'a;b': [/not a part of a name/],
    '$(x)': [/not a part of a name/],
    [`x${'y'.repeat(2000)}`]: [/2001 characters/],
    [`a/${'y'.repeat(300)}`]: [/its name has 302 characters, and at most 255/],
    'docker://quay.io/x/y:1': [/the transport docker:\/\//, /^Leave it out: quay\.io\/x\/y:1$/],
    'docker:quay.io/x': [/the transport docker/, /Leave it out: quay\.io\/x$/],
    'https://quay.io/x/y': [/https:\/\/ is not part of one/, /Leave it out: quay\.io\/x\/y$/],
    'oci-archive:/tmp/x.tar': [/oci-archive: is a transport/, /podman pull oci-archive:\/tmp\/x\.tar;/],
    'dir:x': [/dir: is a transport/, /localhost\/dir:latest/],
    'containers-storage:': [/it is empty/],
    'containers-storage:[overlay@/x]y': [/not a part of a name/],
    'containers-storage:docker://x': [/the transport docker/],
    'localhost/Upper': [/"Upper" has upper-case letters/, /localhost\/upper$/],
    'Foo/bar': [/"Foo" has upper-case letters/, /foo\/bar$/],
    'localhost/x:': [/no tag behind the colon/],
    ':1': [/no name before/],
    [`@${digest}`]: [/no name before/],
    'localhost//x': [/an empty part/, /: localhost\/x$/],
    '/x': [/an empty part/],
    'x/': [/an empty part/],
    'x@sha256:12': [/its digest has 2 hexadecimal digits instead of 64/, /cannot be shortened/],
    'x@sha256:': [/its digest has 0/],
    'x@': [/its digest is not sha256:/],
    'x@md5:12': [/its digest is not sha256:/],
    [`x@${digest}@${digest}`]: [/other characters/],
    [`x@sha256:${'AB'.repeat(32)}`]: [/other characters/],
    'sha256:12': [/has 64 hexadecimal digits/],
    [`localhost/x:${'a'.repeat(129)}`]: [/its tag has 129 characters, and at most 128/],
    'x:.1': [/"\.1" is not a tag/],
    'x:a:b': [/"a:b" is not a tag/],
    'host:port/x': [/"host:port" is not a registry/],
    'a__.b': [/not a part of a name/],
    'a-': [/not a part of a name/],
    'x@@': [/its digest is not/],
  };
  for (const [word, [what, remedy]] of Object.entries(wrong)) {
    it(`is not ${JSON.stringify(word.slice(0, 40))}, and says why`, async () => {
      const error = await rejectsWithCode('IMAGE_REFERENCE_INVALID', () => parseImageReference(word));
      assert.equal(error.failureClass, 'usage');
      assert.match(error.message, /^Expected an image reference such as \S+, got "/);
      assert.match(error.message, what);
      assert.match(error.remedy ?? '', remedy ?? /./);
    });
  }

  it('that is wrong is refused before podman is asked', async function () {
    const { host } = await openTestHost(this, []);
    await withPodman(this, 'kill -KILL $PPID', () =>
      rejectsWithCode('IMAGE_REFERENCE_INVALID', () => provideVirtualMachine(host, 'localhost//x', {})),
    );
  });

  it('is read in linear time', () => {
    for (const word of [
      'a'.repeat(1000),
      'a-'.repeat(500) + '!',
      'a.'.repeat(100) + 'A/' + 'a_'.repeat(400),
    ]) {
      const begin = performance.now();
      try {
        parseImageReference(word);
      } catch {
        // Most are wrong.
      }
      assert.ok(performance.now() - begin < 200);
    }
  });
});
