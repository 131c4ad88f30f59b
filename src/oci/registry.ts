import { createReadStream } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { blobPath, blobsOf, type Descriptor, type LaidOutImage } from './layout.js';

/**
 * A registry that serves one version of one image, read-only, to whoever it is given a connection of: it listens nowhere. What it
 * sends is the layout's, byte for byte, so that every digest is the one that podman knows.
 *
 * The protocol: https://github.com/opencontainers/distribution-spec/blob/main/spec.md («Pull»).
 */
export class ImageRegistry implements Disposable {
  readonly #server: Server;
  readonly #blobs: ReadonlyMap<string, Descriptor>;
  readonly #connections = new Set<Duplex>();

  /**
   * @param repository the name by which it is asked for the image
   * @param tag likewise
   * @param onSent called with the bytes of blobs and manifests that it sends
   */
  constructor(
    private readonly image: LaidOutImage,
    private readonly repository: string,
    private readonly tag: string,
    private readonly onSent: (bytes: number) => void = () => undefined,
  ) {
    this.#blobs = new Map(blobsOf(image).map((blob) => [blob.digest, blob]));
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  /** Serves a connection until its other end closes it, or the registry is disposed of. */
  serve(connection: Duplex): void {
    this.#connections.add(connection);
    connection.on('error', () => connection.destroy());
    connection.on('close', () => this.#connections.delete(connection));
    this.#server.emit('connection', connection);
  }

  [Symbol.dispose](): void {
    for (const connection of this.#connections) connection.destroy();
    this.#server.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('Docker-Distribution-Api-Version', 'registry/2.0');
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      fail(response, 405, 'UNSUPPORTED');
      return;
    }
    const { pathname } = new URL(request.url ?? '/', 'http://registry');
    if (pathname === '/v2/' || pathname === '/v2') {
      response.setHeader('Content-Type', 'application/json');
      response.end('{}');
      return;
    }
    const [, kind, name = ''] = /^\/v2\/.+\/(manifests|blobs)\/([^/]+)$/.exec(pathname) ?? [];
    if (kind === undefined || !pathname.startsWith(`/v2/${this.repository}/${kind}/`)) {
      fail(response, 404, 'NAME_UNKNOWN');
      return;
    }
    const isManifest = kind === 'manifests';
    const blob =
      isManifest && name === this.tag ? this.image.manifest : this.#blobs.get(decodeURIComponent(name));
    if (!blob || isManifest !== (blob === this.image.manifest)) {
      fail(response, 404, isManifest ? 'MANIFEST_UNKNOWN' : 'BLOB_UNKNOWN');
      return;
    }
    await this.#send(request, response, blob, isManifest ? blob.mediaType : 'application/octet-stream');
  }

  async #send(
    request: IncomingMessage,
    response: ServerResponse,
    blob: Descriptor,
    type: string,
  ): Promise<void> {
    response.setHeader('Content-Type', type);
    response.setHeader('Docker-Content-Digest', blob.digest);
    response.setHeader('Accept-Ranges', 'bytes');
    // A client whose connection broke goes on from where it was.
    const from = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1];
    const start = from === undefined ? 0 : Number(from);
    if (start > blob.size) {
      fail(response, 416, 'RANGE_INVALID');
      return;
    }
    if (from !== undefined) {
      response.statusCode = 206;
      response.setHeader('Content-Range', `bytes ${start}-${blob.size - 1}/${blob.size}`);
    }
    response.setHeader('Content-Length', blob.size - start);
    if (request.method === 'HEAD' || start === blob.size) {
      response.end();
      return;
    }
    const file = createReadStream(blobPath(this.image.directory, blob.digest), {
      start,
      end: blob.size - 1,
      highWaterMark: 1 << 18,
    });
    file.on('data', (chunk) => {
      this.onSent(chunk.length);
    });
    await pipeline(file, response);
  }
}

function fail(response: ServerResponse, status: number, code: string): void {
  response.statusCode = status;
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify({ errors: [{ code, message: code }] }));
}
