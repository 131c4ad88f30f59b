import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * libvirt's wire protocol, as far as an open connection needs it (src/remote/remote_protocol.x in libvirt;
 * numbers are part of its stable protocol).
 */
const procedures = {
  open: 1,
  close: 2,
  lookupDomainByName: 23,
  getLibraryVersion: 157,
  supportsFeature: 60,
  authList: 66,
  subscribe: 167,
  unsubscribe: 168,
  openConsole: 201,
} as const;
const remoteProgram = 0x2000_8086;
const headerLength = 28;

/**
 * A daemon that does what a real one does only in an emergency: it hangs, or hangs up. `deaf` accepts and never
 * answers; otherwise connections open, tell their version and close, and every other call hangs.
 */
export class FakeDaemon {
  readonly uri: string;
  readonly #server: Server;
  readonly #directory: string;
  readonly #results = new Map(results);
  readonly #sockets = new Set<Socket>();
  /** How many calls for its version it gathers before it answers them all. */
  #gathers = 1;
  #gathered: Buffer[] = [];
  /** Connections that were ever made. */
  accepted = 0;
  /** Procedures that were called and not answered. */
  readonly hanging: number[] = [];

  private constructor(server: Server, directory: string, deaf: boolean) {
    this.#server = server;
    this.#directory = directory;
    this.uri = `test+unix:///default?socket=${join(directory, 'socket')}`;
    server.on('connection', (socket) => {
      this.accepted++;
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
      if (deaf) socket.resume();
      else this.#serve(socket);
    });
  }

  static async start({ deaf = false } = {}): Promise<FakeDaemon> {
    const directory = await mkdtemp(join(tmpdir(), 'libvirt-'));
    const server = createServer();
    const daemon = new FakeDaemon(server, directory, deaf);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(join(directory, 'socket'), resolve);
    });
    return daemon;
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** From now on it answers a procedure that hangs otherwise. */
  answer(procedure: 'subscribe'): void {
    this.#results.set(procedures[procedure], integers(0));
  }

  /** From now on it has a domain, whose console opens and says nothing. */
  haveDomain(): void {
    const domain = Buffer.concat([integers(4), Buffer.from('demo'), Buffer.alloc(16, 1), integers(1)]);
    this.#results.set(procedures.lookupDomainByName, domain);
    this.#results.set(procedures.openConsole, integers());
  }

  /** From now on it answers calls for its version only when so many are waiting. */
  gather(count: number): void {
    this.#gathers = count;
  }

  hangUp(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.hangUp();
    await new Promise((resolve) => this.#server.close(resolve));
    await rm(this.#directory, { recursive: true });
  }

  #serve(socket: Socket): void {
    let received = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 4 && received.length >= received.readUInt32BE(0)) {
        const message = received.subarray(0, received.readUInt32BE(0));
        received = received.subarray(message.length);
        const answer = this.#answer(message);
        if (answer) socket.write(answer);
      }
    });
  }

  #answer(message: Buffer): Buffer | undefined {
    const program = message.readUInt32BE(4);
    const procedure = message.readInt32BE(12);
    if (program !== remoteProgram) return undefined;
    const payload = this.#results.get(procedure);
    if (!payload) {
      this.hanging.push(procedure);
      return undefined;
    }
    const header = Buffer.from(message.subarray(0, headerLength));
    header.writeUInt32BE(headerLength + payload.length, 0);
    header.writeInt32BE(1, 16); // a reply
    header.writeInt32BE(0, 24); // that succeeded
    const answer = Buffer.concat([header, payload]);
    if (procedure !== procedures.getLibraryVersion) return answer;
    this.#gathered.push(answer);
    return this.#gathered.length < this.#gathers ? undefined : Buffer.concat(this.#gathered.splice(0));
  }
}

function integers(...values: number[]): Buffer {
  const buffer = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => buffer.writeInt32BE(value, index * 4));
  return buffer;
}

const results = new Map<number, Buffer>([
  [procedures.authList, integers(1, 0)], // one kind of authentication: none
  [procedures.supportsFeature, integers(0)],
  [procedures.open, integers()],
  [procedures.close, integers()],
  [procedures.getLibraryVersion, integers(0, 9_000_000)],
]);
