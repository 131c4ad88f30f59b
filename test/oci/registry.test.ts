import assert from 'node:assert/strict';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { findImage, type LaidOutImage } from '../../src/oci/layout.js';
import { ImageRegistry } from '../../src/oci/registry.js';
import { temporaryDirectory } from '../support/temporary.js';
import { writeVersion } from './layout-support.js';

describe('the registry of an image', () => {
  let image: LaidOutImage;
  let registry: ImageRegistry;
  let server: Server;
  let url: string;
  let sent = 0;

  before(async function () {
    const directory = temporaryDirectory(this);
    const first = writeVersion(directory, 'localhost/web:latest', ['base', 'old']);
    writeVersion(directory, 'localhost/web:latest', ['base', 'new layer'], first.entries);
    image = await findImage(directory, 'localhost/web:latest');
    registry = new ImageRegistry(image, 'localhost/web', 'latest', (bytes) => (sent += bytes));
    // Connections come from a guest; where from does not matter to it.
    server = createServer((socket) => {
      registry.serve(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  after(() => {
    registry[Symbol.dispose]();
    server.close();
  });

  const get = (path: string, options: RequestInit = {}): Promise<Response> => fetch(`${url}${path}`, options);

  it('says that it is one', async () => {
    const response = await get('/v2/');
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('Docker-Distribution-Api-Version'), 'registry/2.0');
  });

  it('has the manifest by tag and by digest, as it is in the layout', async () => {
    for (const name of ['latest', image.manifest.digest]) {
      const response = await get(`/v2/localhost/web/manifests/${name}`);
      assert.equal(response.status, 200);
      assert.equal(response.headers.get('Content-Type'), image.manifest.mediaType);
      assert.equal(response.headers.get('Docker-Content-Digest'), image.manifest.digest);
      assert.equal((await response.text()).length, image.manifest.size);
    }
    const head = await get('/v2/localhost/web/manifests/latest', { method: 'HEAD' });
    assert.equal(head.headers.get('Content-Length'), String(image.manifest.size));
  });

  it('has the layers, from the middle too, and counts what it sends', async () => {
    const layer = image.layers[1];
    assert.ok(layer);
    const path = `/v2/localhost/web/blobs/${layer.digest}`;
    const before = sent;
    assert.equal(await (await get(path)).text(), 'new layer');
    const part = await get(path, { headers: { Range: 'bytes=4-' } });
    assert.equal(part.status, 206);
    assert.equal(part.headers.get('Content-Range'), 'bytes 4-8/9');
    assert.equal(await part.text(), 'layer');
    assert.equal(sent - before, 14);
    assert.equal((await get(path, { headers: { Range: 'bytes=99-' } })).status, 416);
  });

  for (const [what, path] of [
    ['other tags', '/v2/localhost/web/manifests/other'],
    ['other repositories', '/v2/localhost/other/manifests/latest'],
    ['blobs that the image does not name', `/v2/localhost/web/blobs/sha256:${'0'.repeat(64)}`],
    ['files', '/v2/localhost/web/blobs/..%2f..%2findex.json'],
    ['anything else', '/v1/search'],
  ] as const)
    it(`has no ${what}`, async () => {
      assert.equal((await get(path)).status, 404);
    });

  it('lacks the blobs of an older version that lie beside', async () => {
    const old = await get(
      '/v2/localhost/web/blobs/sha256:cba06b5736faf67e54b07b561eae94395e774c517a7d910a54369e1263ccfbd4',
    );
    assert.equal(old.status, 404);
  });

  it('takes nothing', async () => {
    for (const method of ['PUT', 'POST', 'DELETE', 'PATCH'])
      assert.equal((await get('/v2/localhost/web/manifests/latest', { method })).status, 405);
  });
});
