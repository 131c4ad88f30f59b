import assert from 'node:assert/strict';
import { isNoNews } from '../../../src/vm/update/upgrade.js';
import { digestsOf } from '../../../src/vm/update/version.js';

describe('a version that goes by several digests', () => {
  const digest = (digit: string): string => `sha256:${digit.repeat(64)}`;

  it('has that of the list of architectures, by which podman knows what it pulled, and that of the manifest', () => {
    const digests = [
      `quay.io/fedora/fedora-bootc@${digest('a')}`,
      `quay.io/fedora/fedora-bootc@${digest('b')}`,
    ];
    assert.deepEqual(digestsOf({ digest: digest('b'), digests }), [digest('b'), digest('a')]);
    assert.deepEqual(digestsOf({ digest: undefined, digests: [] }), []);
  });

  it('is no news where bootc finds the image that is booted', () => {
    const booted = { digest: digest('a') } as Parameters<typeof isNoNews>[1];
    const says = (stdout: string, stderr = ''): boolean => isNoNews({ exitCode: 0, stdout, stderr }, booted);
    const same = `No changes in docker://quay.io/fedora/fedora-bootc:43 => ${digest('a')}\n`;
    assert.ok(says(`layers already present: 65\n${same}No update available.\n`));
    assert.ok(!says(same.replaceAll('a', 'b')));
    assert.ok(!says('No changes in: quay.io/fedora/fedora-bootc:43\n'), 'of composefs that can be wrong');
    assert.ok(
      says('', 'error: Target image has the same fs-verity digest as the existing Booted deployment.'),
    );
  });
});
