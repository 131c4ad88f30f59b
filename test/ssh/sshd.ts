import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatKnownHost } from '../../src/ssh/known-hosts.js';
import { runProcess } from '../../src/process.js';
import type { LoginTarget } from '../../src/ssh/readiness.js';

/** The account that runs the tests: the only one a server without privileges can let in. */
export const user = userInfo().username;

/** Mixed case, because OpenSSH treats the cases of host names in ways of its own. */
const alias = 'VM-Main';

/** What a server does with a connection that was just accepted. */
export type Reception = (socket: Socket) => void;

/**
 * The real OpenSSH server behind a TCP port of our own: every connection gets its own `sshd -i`, so no
 * daemon can outlive the tests and no port is chosen twice. `receive` replaces that for connections that
 * a guest in the middle of its boot would treat differently.
 */
export class TestServer {
  /** Times at which connections were accepted. */
  readonly accepted: number[] = [];
  open = 0;
  receive: Reception = (socket) => {
    this.sshd(socket);
  };
  private readonly children = new Set<ChildProcess>();
  private readonly sockets = new Set<Socket>();
  private readonly server: Server;
  log = '';

  private constructor(readonly directory: string) {
    this.server = createServer({ pauseOnConnect: true }, (socket) => {
      this.accepted.push(performance.now());
      // Later, so that the end of a connection which came before this one is counted before it.
      setTimeout(() => {
        this.open++;
        this.receive(socket);
      }, 5);
    });
  }

  /**
   * @param o.hostKeyTypes types of the host keys, default ed25519
   * @param o.listen default true; else call `listen` later
   * @param o.sftp default true
   * @param o.configuration further lines of its sshd_config
   */
  static async start(
    o: { hostKeyTypes?: string[]; listen?: boolean; sftp?: boolean; configuration?: string[] } = {},
  ): Promise<TestServer> {
    if (!existsSync(sshdPath)) throw new Error(`These tests need ${sshdPath}: install openssh-server`);
    // What a path can hold at its worst; every test goes through it.
    const directory = await mkdtemp(join(tmpdir(), `pb it's "100%d" \\ `));
    const server = new TestServer(directory);
    const types = o.hostKeyTypes ?? ['ed25519'];
    for (const type of types) await server.keygen(`host-${type}`, type);
    await server.keygen('id', 'ed25519');
    await server.authorize(await readFile(server.path('id.pub'), 'utf8'));
    // sshd's own parser does not need to cope with our path: it gets these files by relative names.
    await writeFile(
      server.path('sshd_config'),
      [
        ...types.map((type) => `HostKey ${configPath(server.path(`host-${type}`))}`),
        `AuthorizedKeysFile ${configPath(server.path('authorized_keys').replaceAll('%', '%%'))}`,
        // The directory lies below /tmp, which everyone may write to.
        'StrictModes no',
        'UsePAM no',
        'PasswordAuthentication no',
        'PermitRootLogin yes',
        'PidFile none',
        ...((o.sftp ?? true) ? ['Subsystem sftp internal-sftp'] : []),
        ...(o.configuration ?? []),
        '',
      ].join('\n'),
    );
    if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    if (o.listen ?? true) await server.listen();
    return server;
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async listen(port = 0): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(port, '127.0.0.1', resolve));
  }

  /** A login that this server accepts; its host key is not pinned yet. */
  target(overrides: Partial<LoginTarget> = {}): LoginTarget {
    return {
      port: this.server.listening ? this.port : 1,
      user,
      identityFile: this.path('id'),
      knownHostsFile: this.path('known_hosts'),
      hostKeyAlias: alias,
      ...overrides,
    };
  }

  /** Pins a public key file of the directory, as the product does. */
  async pin(publicKeyFile: string): Promise<void> {
    const key = await readFile(this.path(publicKeyFile), 'utf8');
    await writeFile(this.path('known_hosts'), formatKnownHost(alias, key));
  }

  async authorize(keys: string): Promise<void> {
    await writeFile(this.path('authorized_keys'), keys);
  }

  async keygen(name: string, type: string): Promise<string> {
    const { exitCode, all } = await runProcess('ssh-keygen', [
      ...['-q', '-t', type, '-N', '', '-C', 'test'],
      ...['-f', this.path(name)],
    ]);
    if (exitCode !== 0) throw new Error(all);
    return readFile(this.path(`${name}.pub`), 'utf8');
  }

  /** Hands the connection to a real sshd. */
  sshd(socket: Socket): void {
    const child = spawn(sshdPath, ['-i', '-e', '-f', this.path('sshd_config')], {
      stdio: [socket, socket, 'pipe'],
    });
    this.children.add(child);
    child.stderr.on('data', (chunk: Buffer) => (this.log += chunk.toString()));
    child.on('exit', () => {
      this.children.delete(child);
      this.open--;
    });
    // sshd has a copy of the descriptor now.
    socket.destroy();
  }

  /** Keeps the connection to ourselves, reads it, and says `text`, if anything. */
  answer(socket: Socket, text?: string): void {
    this.sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.sockets.delete(socket);
      this.open--;
    });
    socket.resume();
    if (text !== undefined) socket.write(text);
  }

  /** Closes the connection at once, after `text` if given. */
  hangUp(socket: Socket, text = ''): void {
    this.answer(socket);
    socket.end(text);
  }

  /** Waits until every connection has ended at both its ends; throws if one does not within 2 s. */
  async drained(): Promise<void> {
    const sockets = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
    for (let waited = 0; this.open > 0 || sockets() > 0; waited += 20) {
      if (waited > 2000) {
        throw new Error(`${this.open} connections to the server and ${sockets()} sockets were left open`);
      }
      await sleep(20);
    }
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    for (const child of this.children) child.kill('SIGKILL');
    if (this.server.listening) await new Promise((resolve) => this.server.close(resolve));
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** sshd insists on being started by its absolute path. */
const sshdPath = '/usr/sbin/sshd';

/** Quoting as sshd_config(5) has it. */
function configPath(path: string): string {
  return `"${path.replace(/[\\"]/g, '\\$&')}"`;
}

/** A port of the loopback address on which nothing listens. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
