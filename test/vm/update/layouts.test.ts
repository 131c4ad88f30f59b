import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { holdLayout } from '../../../src/vm/update/layouts.js';
import { withPodman } from '../../support/fake-podman.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { openTestHost } from '../../support/test-host.js';

/** Writes a layout as `podman save` does; its one layer has this content. */
function writeLayout(directory: string, reference: string, content: string): void {
  const blobs = join(directory, 'blobs', 'sha256');
  mkdirSync(blobs, { recursive: true });
  const blob = (mediaType: string, text: string): Record<string, unknown> => {
    const hex = createHash('sha256').update(text).digest('hex');
    writeFileSync(join(blobs, hex), text);
    return { mediaType, digest: `sha256:${hex}`, size: text.length };
  };
  const layer = blob('application/vnd.oci.image.layer.v1.tar', content);
  const config = blob('application/vnd.oci.image.config.v1+json', '{}');
  const manifest = blob(
    'application/vnd.oci.image.manifest.v1+json',
    JSON.stringify({ schemaVersion: 2, config, layers: [layer] }),
  );
  const annotations = { 'org.opencontainers.image.ref.name': reference };
  writeFileSync(
    join(directory, 'index.json'),
    JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }),
  );
  writeFileSync(join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
}

describe('the layout that is kept of an image', () => {
  const o = { repository: 'localhost/web', reference: 'localhost/web:1' };

  it('has what the present version needs and no more, and is made anew where it is damaged', async function () {
    const state = temporaryDirectory(this);
    const { host } = await openTestHost(this, []);
    const prepared = join(state, 'prepared');
    // podman writes no blob that is there, however long it is.
    const podman = `while [ "$1" != --output ]; do shift; done; mkdir -p "$2"; cp -rn ${prepared}/blobs "$2/"; cp ${prepared}/index.json "$2/"`;
    await withPodman(this, podman, async () => {
      const hold = async (content: string): Promise<string[]> => {
        rmSync(prepared, { recursive: true, force: true });
        writeLayout(prepared, o.reference, content);
        await using layout = await holdLayout(host, { kind: 'local' }, o);
        return readdirSync(join(layout.image.directory, 'blobs', 'sha256')).sort();
      };
      const first = await hold('one');
      assert.equal(first.length, 3);
      const second = await hold('two');
      assert.equal(second.length, 3, 'the layer of the version before is gone');
      assert.notDeepEqual(second, first);

      const layouts = join(host.directories.cache, 'layouts');
      const directory = join(layouts, readdirSync(layouts)[0] ?? '');
      const layer = createHash('sha256').update('two').digest('hex');
      truncateSync(join(directory, 'blobs', 'sha256', layer), 1);
      assert.deepEqual(await hold('two'), second, 'a layer that was cut short');
      writeFileSync(join(directory, 'index.json'), '{');
      assert.deepEqual(await hold('two'), second, 'an index that was overwritten');
    });
  });

  it('is not left locked by a podman that fails, whose words are told', async function () {
    const { host } = await openTestHost(this, []);
    await withPodman(this, 'echo "Error: no space left on device" >&2; exit 125', async () => {
      for (let times = 0; times < 2; times++)
        await assert.rejects(holdLayout(host, { kind: 'local' }, o), {
          code: 'LAYOUT_FAILED',
          message: /no space left on device/,
        });
    });
  });
});
