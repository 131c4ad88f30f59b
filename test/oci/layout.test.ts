import assert from 'node:assert/strict';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { blobPath, blobsOf, findImage, layersOf, layoutName, pruneLayout } from '../../src/oci/layout.js';
import { temporaryDirectory } from '../support/temporary.js';
import { writeVersion } from './layout-support.js';

const reference = 'localhost/web:latest';

describe('an OCI layout', () => {
  let directory: string;

  beforeEach(function () {
    directory = temporaryDirectory(this);
  });

  it('has the version of a reference that was saved last', async () => {
    const first = writeVersion(directory, reference, ['base', 'one']);
    const other = writeVersion(directory, 'localhost/web:other', ['base'], first.entries);
    const second = writeVersion(directory, reference, ['base', 'two'], other.entries);
    const image = await findImage(directory, reference);
    assert.equal(image.manifest.digest, second.manifest.digest);
    assert.equal(blobsOf(image).length, 4);
  });

  it('is pruned of what that version does not name, but for the manifests of those before', async () => {
    const first = writeVersion(directory, reference, ['base', 'one']);
    const old = await findImage(directory, reference);
    writeVersion(directory, reference, ['base', 'two'], first.entries);
    const image = await findImage(directory, reference);
    const foreign = join(directory, 'blobs', 'sha256', 'notes.txt');
    writeFileSync(foreign, 'of somebody');
    assert.equal(await pruneLayout(image), 2);
    for (const { digest } of blobsOf(image)) assert.ok(existsSync(blobPath(directory, digest)), digest);
    const gone = blobsOf(old).filter(({ digest }) => !existsSync(blobPath(directory, digest)));
    assert.equal(gone.length, 2);
    assert.ok(existsSync(foreign));
    const digests = (layers: readonly { digest: string }[]): string[] => layers.map(({ digest }) => digest);
    assert.deepEqual(await layersOf(directory, old.manifest.digest), digests(old.layers));
    assert.deepEqual(await layersOf(directory, image.manifest.digest), digests(image.layers));
    for (const unknown of [`sha256:${'0'.repeat(64)}`, '../../index.json'])
      assert.equal(await layersOf(directory, unknown), undefined, unknown);
  });

  for (const [fault, break_, message] of [
    ['does not name the reference', () => undefined, /does not name localhost\/missing:1$/],
    [
      'is cut short',
      () => {
        writeFileSync(join(directory, 'index.json'), '{"manifests":[');
      },
      /index\.json cannot be read \(expected .* to print JSON/,
    ],
    [
      'has a manifest whose digest leads elsewhere',
      () => {
        writeFileSync(
          join(directory, 'index.json'),
          JSON.stringify({ manifests: [{ mediaType: 'x', digest: 'sha256:../../etc', size: 1 }] }),
        );
      },
      /a sha256 digest/,
    ],
    [
      'has lost its index',
      () => {
        rmSync(join(directory, 'index.json'));
      },
      /index\.json is missing$/,
    ],
  ] as const)
    it(`says that it ${fault}`, async () => {
      writeVersion(directory, reference, ['base']);
      break_();
      await assert.rejects(findImage(directory, 'localhost/missing:1'), { code: 'LAYOUT_DAMAGED', message });
    });

  it('has a name that is one of a file, and that no other repository has', () => {
    const names = ['quay.io/a/b', 'quay.io/a-b', 'localhost:5000/../x', 'a'.repeat(300)].map(layoutName);
    assert.equal(new Set(names).size, names.length);
    for (const name of names) assert.match(name, /^[a-z0-9-]{1,60}$/);
  });
});
