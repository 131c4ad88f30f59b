import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { GuestBootc } from '../../src/bootc/guest.js';
import { serveInGuest, type Served, type ServedResult } from '../../src/bootc/serve.js';
import { planArchive } from '../../src/oci/archive.js';
import { blobPath, blobsOf, findImage, type LaidOutImage } from '../../src/oci/layout.js';
import { GuestConnection } from '../../src/ssh/connection.js';
import { writeVersion } from '../oci/layout-support.js';
import { TestServer } from '../ssh/sshd.js';
import { temporaryDirectory } from '../support/temporary.js';

/** Against a real sshd of ours that forwards nothing: what a guest is asked to run, run here. */
describe('a registry inside the guest', function () {
  this.timeout(60_000);
  let server: TestServer;
  let image: LaidOutImage;
  let places: { run: string; temporary: string };
  const layer = 'x'.repeat(700_000);

  before(async () => {
    server = await TestServer.start({ configuration: ['AllowTcpForwarding no'] });
    await server.pin('host-ed25519.pub');
  });

  after(() => server.stop());

  beforeEach(async function () {
    const directory = temporaryDirectory(this);
    writeVersion(directory, 'localhost/web:1', ['base', layer]);
    image = await findImage(directory, 'localhost/web:1');
    places = { run: join(directory, 'run it'), temporary: join(directory, "var's tmp") };
    mkdirSync(places.temporary);
  });

  const served = (lacking = blobsOf(image)): Served => ({
    image,
    archive: planArchive(image.directory, lacking),
    tag: '1',
  });

  async function serve<T>(
    what: Served,
    use: (url: string, port: number) => Promise<T>,
    onSent?: (bytes: number) => void,
  ): Promise<ServedResult<T>> {
    using guest = await GuestConnection.open(server.target());
    return await serveInGuest(bootcOf(guest), what, (port) => use(`http://127.0.0.1:${port}/v2/`, port), {
      places,
      ...(onSent && { onSent }),
    });
  }

  const bootcOf = (guest: GuestConnection): GuestBootc =>
    new GuestBootc(guest, { user: 'root', name: 'web' });

  function assertNothingLeft(): void {
    assert.deepEqual(readdirSync(places.temporary), []);
    assert.deepEqual(readdirSync(places.run), []);
  }

  it('serves what was sent, byte for byte, and leaves nothing behind', async () => {
    let sent = 0;
    const { missed } = await serve(
      served(),
      async (url) => {
        assert.equal(await (await fetch(url)).text(), '{}');
        for (const name of ['1', image.manifest.digest]) {
          const manifest = await fetch(`${url}image/manifests/${name}`);
          assert.equal(manifest.headers.get('Content-Type'), image.manifest.mediaType);
          assert.equal(manifest.headers.get('Docker-Content-Digest'), image.manifest.digest);
          const content = readFileSync(blobPath(image.directory, image.manifest.digest), 'utf8');
          assert.equal(await manifest.text(), content);
        }
        const head = await fetch(`${url}image/manifests/1`, { method: 'HEAD' });
        assert.equal(head.headers.get('Content-Length'), String(image.manifest.size));
        // Several at once, as skopeo does.
        const blobs = await Promise.all(
          image.layers.map(async ({ digest }) => (await fetch(`${url}image/blobs/${digest}`)).text()),
        );
        assert.deepEqual(blobs, ['base', layer]);
        for (const path of ['other/manifests/1', 'image/manifests/2', 'image/blobs/..%2fx', 'x'])
          assert.equal((await fetch(`${url}${path}`)).status, 404, path);
        const [directory = ''] = readdirSync(places.temporary);
        assert.equal(statSync(join(places.temporary, directory)).mode & 0o777, 0o700);
      },
      (bytes) => (sent += bytes),
    );
    assert.equal(missed, undefined);
    assert.equal(sent, planArchive(image.directory, blobsOf(image)).size);
    assertNothingLeft();
  });

  it('tells which blob was wanted that was not sent', async () => {
    const [base] = image.layers;
    assert.ok(base);
    const lacking = blobsOf(image).filter(({ digest }) => digest !== base.digest);
    const { missed } = await serve(served(lacking), async (url) => {
      assert.equal((await fetch(`${url}image/blobs/${base.digest}`)).status, 404);
    });
    assert.equal(missed, base.digest);
  });

  it('does not let a client wait that tries TLS', async () => {
    await serve(served(), async (url) => {
      await assert.rejects(fetch(url.replace('http:', 'https:'), { signal: AbortSignal.timeout(5_000) }), {
        name: 'TypeError',
      });
    });
  });

  it('leaves nothing behind where something fails, or the connection breaks', async () => {
    await assert.rejects(
      serve(served(), () => Promise.reject(new Error('bootc failed'))),
      /bootc failed/,
    );
    assertNothingLeft();
    const guest = await GuestConnection.open(server.target());
    await serveInGuest(
      bootcOf(guest),
      served(),
      (port) => {
        guest[Symbol.dispose]();
        return until(async () => !(await isServing(port)));
      },
      { places },
    );
    await until(() => Promise.resolve(readdirSync(places.run).length === 0));
    assertNothingLeft();
  });

  it('takes an archive that breaks off for none, and sweeps what another one has left', async () => {
    const left = join(places.temporary, 'podman-bootc-update.abc');
    mkdirSync(left);
    writeFileSync(join(left, 'layers.tar'), '');
    const what = served();
    truncateSync(blobPath(image.directory, image.layers.at(-1)?.digest ?? ''), 5);
    await assert.rejects(
      serve(what, () => Promise.resolve()),
      /has 5 bytes instead of 700000/,
    );
    assert.ok(!existsSync(left));
    await until(() => Promise.resolve(readdirSync(places.run).length === 0));
    assertNothingLeft();
  });

  function isServing(port: number): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = createConnection(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      }).on('error', () => {
        resolve(false);
      });
    });
  }

  async function until(condition: () => Promise<boolean>): Promise<void> {
    for (let times = 0; times < 200; times++) {
      if (await condition()) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.fail('not within 10 s');
  }
});
