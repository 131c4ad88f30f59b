import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../../support/project.js';
import { freePort } from '../../ssh/sshd.js';
import { host, start, until, type Running } from './cli.js';

const variable = 'CONTAINERS_REGISTRIES_CONF';

/** A registry behind a way that can be slow, known to podman as one without TLS. */
export class Registry {
  /** Bytes per second that come from there. */
  rate = Infinity;
  readonly #directory = mkdtempSync(join(tmpdir(), 'registry-'));
  readonly #before = process.env[variable];
  #serving: Running | undefined;
  #port = 0;
  #way: Server | undefined;
  #address = '';

  /** Where it is: `127.0.0.1:PORT`. */
  get address(): string {
    return this.#address;
  }

  static async start(): Promise<Registry> {
    const registry = new Registry();
    registry.#port = await freePort();
    const way = createServer((client) => {
      const upstream = connect(registry.#port, '127.0.0.1');
      client.pipe(upstream);
      upstream.on('data', (chunk: Buffer) => {
        client.write(chunk);
        upstream.pause();
        setTimeout(() => upstream.resume(), (1000 * chunk.length) / registry.rate);
      });
      upstream.on('end', () => client.end());
      for (const socket of [client, upstream])
        socket.on('error', () => {
          client.destroy();
          upstream.destroy();
        });
    });
    registry.#way = way;
    await new Promise<void>((resolve) => way.listen(0, '127.0.0.1', resolve));
    const address = way.address();
    assert.ok(address !== null && typeof address === 'object');
    registry.#address = `127.0.0.1:${address.port}`;
    const configuration = join(registry.#directory, 'registries.conf');
    writeFileSync(configuration, `[[registry]]\nlocation = "${registry.#address}"\ninsecure = true\n`);
    process.env[variable] = configuration;
    await registry.serve();
    return registry;
  }

  /** @param password a line as htpasswd(1) writes it, for those who may have its images */
  async serve(password?: string): Promise<void> {
    await this.end();
    const file = join(this.#directory, 'htpasswd');
    writeFileSync(file, `${password ?? ''}\n`);
    const program = join(projectRoot, 'test/testbed/registry');
    const words = ['serve', String(this.#port), join(this.#directory, 'images')];
    this.#serving = start(program, password === undefined ? words : [...words, file]);
    await until('the registry listens', () => this.#isListening());
  }

  #isListening(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.#port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      }).on('error', () => {
        resolve(false);
      });
    });
  }

  /** As a registry that is down. */
  async end(): Promise<void> {
    this.#serving?.child.kill();
    await this.#serving?.done;
    this.#serving = undefined;
  }

  /**
   * Makes a new image of one in the store and so many MB more, which the registry then has, and the store not.
   * @param name of it in the registry: `team/demo:1`
   * @returns its ID
   */
  push(from: string, megabytes: number, name: string): string {
    const payload = join(this.#directory, 'payload');
    writeFileSync(payload, randomBytes(megabytes * 1e6));
    const container = host('podman', 'create', from, '/bin/true').trim();
    host('podman', 'cp', payload, `${container}:/usr/share/payload`);
    rmSync(payload);
    const id = host('podman', 'commit', '--quiet', container).trim();
    host('podman', 'rm', container);
    // Straight, because this process is the slow way, and waits here.
    host('podman', 'push', '--quiet', '--tls-verify=false', id, `127.0.0.1:${this.#port}/${name}`);
    host('podman', 'rmi', id);
    return id;
  }

  /**
   * Gives an image that was pushed one more name, by which it is had through a list of architectures, as most registries have it.
   * @param name of the list: `team/demo:1`
   * @param tag of the image, in the same repository
   */
  async list(name: string, tag: string): Promise<void> {
    const [repository = '', listTag = ''] = name.split(':');
    const manifests = `http://127.0.0.1:${this.#port}/v2/${repository}/manifests`;
    const mediaType = 'application/vnd.oci.image.manifest.v1+json';
    const response = await fetch(`${manifests}/${tag}`, { headers: { Accept: mediaType } });
    const digest = response.headers.get('Docker-Content-Digest');
    const size = (await response.arrayBuffer()).byteLength;
    const platform = { os: 'linux', architecture: process.arch === 'arm64' ? 'arm64' : 'amd64' };
    const type = 'application/vnd.oci.image.index.v1+json';
    const { status } = await fetch(`${manifests}/${listTag}`, {
      method: 'PUT',
      headers: { 'Content-Type': type },
      body: JSON.stringify({
        ...{ schemaVersion: 2, mediaType: type },
        manifests: [{ mediaType, digest, size, platform }],
      }),
    });
    assert.equal(status, 201);
  }

  async stop(): Promise<void> {
    await this.end();
    this.#way?.close();
    if (this.#before === undefined) Reflect.deleteProperty(process.env, variable);
    else process.env[variable] = this.#before;
    rmSync(this.#directory, { recursive: true });
  }
}
