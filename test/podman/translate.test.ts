import assert from 'node:assert/strict';
import { pullError } from '../../src/podman/translate.js';

describe('what podman says of a failed pull', () => {
  // As podman 4.3 and 5.4 print it.
  for (const [text, code, remedy] of [
    [
      'Error: initializing source docker://quay.io/a/b:1: reading manifest 1 in quay.io/a/b: manifest unknown: manifest unknown',
      'IMAGE_NOT_FOUND',
      /name and tag/,
    ],
    [
      'Error: initializing source docker://quay.io/a/b:1: reading manifest 1 in quay.io/a/b: unauthorized: access to the requested resource is not authorized',
      'IMAGE_UNAUTHORIZED',
      /podman login quay\.io$/,
    ],
    [
      'Error: initializing source docker://quay.io/a/b:1: pinging container registry quay.io: Get "https://quay.io/v2/": dial tcp: lookup quay.io: no such host',
      'REGISTRY_UNREACHABLE',
      /quay\.io$/,
    ],
    [
      'Error: initializing source docker://quay.io/a/b:1: pinging container registry quay.io: Get "https://quay.io/v2/": EOF',
      'REGISTRY_UNREACHABLE',
      /quay\.io$/,
    ],
    [
      'Error: initializing source docker://quay.io/a/b:1: pinging container registry quay.io: Get "https://quay.io/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority',
      'REGISTRY_UNTRUSTED',
      /certs\.d\/quay\.io$/,
    ],
    [
      'Error: short-name "a/b" did not resolve to an alias and no unqualified-search registries are defined in "/etc/containers/registries.conf"',
      'IMAGE_NAME_SHORT',
      /Write the name out/,
    ],
    [
      'Error: choosing an image from manifest list docker://quay.io/a/b:1: no image found in manifest list for architecture arm64, variant "v8", OS linux',
      'IMAGE_FOREIGN_ARCHITECTURE',
      /architecture/,
    ],
    [
      'Error: writing blob: adding layer with blob "sha256:00": write /usr/lib/x: no space left on device',
      'IMAGE_STORE_FULL',
      /podman image prune/,
    ],
  ] as const) {
    it(`has a cause and a remedy: ${code}`, () => {
      const error = pullError('quay.io/a/b:1', `Trying to pull quay.io/a/b:1...\n${text}\n`);
      assert.equal(error.code, code);
      assert.match(error.remedy ?? '', remedy);
      assert.ok(error.output?.includes(text), 'the original is kept');
    });
  }

  it('is its last line where nothing is known of it', () => {
    const error = pullError('quay.io/a/b:1', 'Trying to pull\nError: something new\n');
    assert.match(error.message, /could not be pulled: something new$/);
  });
});
