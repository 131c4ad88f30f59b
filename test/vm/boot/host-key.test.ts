import assert from 'node:assert/strict';
import { appendFileSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runProcess } from '../../../src/process.js';
import { formatKnownHost, parsePinnedKeys } from '../../../src/ssh/known-hosts.js';
import type { PodmanBootc } from '../../../src/vm/client.js';
import { loginTarget } from '../../../src/vm/virtual-machine.js';
import { TestServer, user } from '../../ssh/sshd.js';
import { rejectsWithCode } from '../../support/rejects.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { openTestClient, openTestHost } from '../../support/test-host.js';
import { uuidFor } from '../../support/test-node.js';
import { waitUntilReady } from '../../../src/vm/boot/wait-for-login.js';
import { findVirtualMachine } from '../../../src/vm/virtual-machine.js';

/* The guest is a real sshd with a host key of its own; another one, `handed`, is pinned. */

const alias = `podman-bootc-${uuidFor('web').replaceAll('-', '').slice(0, 12)}`;

describe('a guest that shows another host key than the one that it was handed', function () {
  this.slow(3000);
  let server: TestServer;
  let knownHosts: string;

  beforeEach(async () => {
    server = await TestServer.start();
    await server.keygen('handed', 'ed25519');
  });
  afterEach(() => server.stop());

  const vm = () => ({ name: 'web', ssh: { port: server.port, user } });

  /** Puts the keys where those of a VM are. */
  function install(directory: string): void {
    for (const [name, file] of [
      ['id', 'id_ed25519'],
      ['id.pub', 'id_ed25519.pub'],
      ['handed', 'ssh_host_ed25519_key'],
      ['handed.pub', 'ssh_host_ed25519_key.pub'],
    ] as const)
      copyFileSync(server.path(name), join(directory, file));
    knownHosts = join(directory, 'known_hosts');
    writeFileSync(knownHosts, formatKnownHost(alias, key('handed.pub')));
  }

  const key = (name: string): string => readFileSync(server.path(name), 'utf8');
  const pinned = (): string[] =>
    parsePinnedKeys(readFileSync(knownHosts, 'utf8'), alias).map((each) => each.key.toString('base64'));
  const encoded = (name: string): string => key(name).split(' ')[1] ?? '';

  async function fetch(context: Mocha.Context, client: PodmanBootc): Promise<string> {
    const local = join(temporaryDirectory(context), 'copy');
    await client.copy('web', { local, remote: server.path('id.pub'), direction: 'from-guest' });
    return readFileSync(local, 'utf8');
  }

  it('is refused with a remedy that works: the next login pins the new key', async function () {
    const { client, directory } = await openTestClient(this, [vm()]);
    install(directory('web'));
    const error = await rejectsWithCode('HOST_KEY_MISMATCH', () => fetch(this, client));
    assert.deepEqual(pinned(), [encoded('handed.pub')]);
    assert.match(await client.sshConfig('web'), /StrictHostKeyChecking yes/);

    const [, command = ''] = /: (ssh-keygen .*)$/.exec(error.remedy ?? '') ?? [];
    assert.equal((await runProcess('sh', ['-c', command])).exitCode, 0, command);
    assert.match(await client.sshConfig('web'), /StrictHostKeyChecking accept-new/);

    assert.equal(await fetch(this, client), key('id.pub'));
    // The one that was handed over may come back with the next boot: the guest writes it then.
    assert.deepEqual(pinned(), [encoded('host-ed25519.pub'), encoded('handed.pub')]);
    assert.match(await client.sshConfig('web'), /StrictHostKeyChecking yes/);
  });

  it('is let in by ssh, too, when it has announced the key on its console', async function () {
    const { client, said, directory } = await openTestClient(this, [vm()]);
    install(directory('web'));
    writeFileSync(join(directory('web'), 'console.log'), announcementOf('host-ed25519.pub'));
    assert.equal(await fetch(this, client), key('id.pub'));
    assert.deepEqual(pinned(), [encoded('handed.pub'), encoded('host-ed25519.pub')]);
    assert.match(said.join('\n'), /web has made a host key of its own, SHA256:\S+, and announced it/);
  });

  it('is waited for to announce it where cloud-init runs, and refused when that announces another', async function () {
    const { host, directory } = await openTestHost(this, [vm()]);
    install(directory('web'));
    const found = await findVirtualMachine(host, 'web');
    const log = join(directory('web'), 'console.log');
    mkdirSync(dirname(log), { recursive: true });
    writeFileSync(log, "cloud-init[1]: Cloud-init v. 22.4.2 running 'init'\n");
    const login = waitUntilReady(host, found, { timeout: 30_000 });
    while (server.accepted.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(pinned(), [encoded('handed.pub')]);
    appendFileSync(log, announcementOf('host-ed25519.pub'));
    await login;
    assert.deepEqual(pinned(), [encoded('handed.pub'), encoded('host-ed25519.pub')]);

    writeFileSync(knownHosts, formatKnownHost(alias, key('handed.pub')));
    const finished = 'Cloud-init v. 22.4.2 finished at Mon\n';
    writeFileSync(log, `${announcementOf('id.pub')}${finished}`);
    await rejectsWithCode('HOST_KEY_MISMATCH', () => waitUntilReady(host, found));
    assert.equal(loginTarget(host, found).knownHostsFile, knownHosts);
    assert.deepEqual(pinned(), [encoded('handed.pub')]);
  });

  function announcementOf(name: string): string {
    return `-----BEGIN SSH HOST KEY KEYS-----\r\n${key(name).trim()}\r\n-----END SSH HOST KEY KEYS-----\r\n`;
  }
});
