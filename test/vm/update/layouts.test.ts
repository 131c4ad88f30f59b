import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { holdLayout, type EarlierVersion } from '../../../src/vm/update/layouts.js';
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

  it('has the layers of an earlier version as well, by which it is known', async function () {
    const state = temporaryDirectory(this);
    const { host } = await openTestHost(this, []);
    // A store with three versions, of which a layer is what the ID says; only the newest has a name.
    const store = join(state, 'store');
    const podman = `for last; do :; done; while [ "$1" != --output ]; do shift; done; echo "$last" >>${state}/saved; mkdir -p "$2"; cp -r ${store}/$last/. "$2/"`;
    const digests = new Map<string, { manifest: string; layer: string }>();
    for (const id of ['one', 'two', o.reference]) {
      writeLayout(join(store, id), o.reference, id);
      const index = readFileSync(join(store, id, 'index.json'), 'utf8');
      const layer = `sha256:${createHash('sha256').update(id).digest('hex')}`;
      digests.set(id, { manifest: /sha256:[0-9a-f]{64}/.exec(index)?.[0] ?? '', layer });
    }
    const version = (id: string, known: string[]): EarlierVersion => ({
      id,
      digests: known,
      layers: [digests.get(id)?.layer ?? ''],
    });
    const manifest = digests.get('two')?.manifest ?? '';
    const hold = async (
      manifest: string,
      among: EarlierVersion[],
    ): Promise<[string | undefined, number, string[]]> => {
      writeFileSync(join(state, 'saved'), '');
      await using layout = await holdLayout(host, { kind: 'local' }, { ...o, before: { manifest, among } });
      const blobs = readdirSync(join(layout.image.directory, 'blobs', 'sha256'));
      return [layout.before?.id, blobs.length, readFileSync(join(state, 'saved'), 'utf8').trim().split('\n')];
    };
    await withPodman(this, podman, async () => {
      // podman knows another digest where what was pulled is compressed: then the layout's counts.
      const among = [version('one', ['sha256:1']), version('two', ['sha256:2'])];
      assert.deepEqual(await hold(manifest, among), ['two', 4, ['one', 'two', o.reference]]);
      assert.deepEqual(await hold('sha256:2', among), ['two', 4, [o.reference]], 'its layer is there');
      assert.deepEqual(await hold('sha256:1', among), ['one', 4, ['one', o.reference]]);
      assert.deepEqual(await hold('sha256:9', among), [undefined, 3, ['one', 'two', o.reference]]);
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
