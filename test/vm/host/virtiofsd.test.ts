import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { serveDirectory, virtiofsdComplaint } from '../../../src/vm/host/virtiofsd.js';
import { isThere } from '../../../src/paths.js';
import { withEnvironment } from '../../support/environment.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { openTestHost } from '../../support/test-host.js';

// Serves one connection on its standard input, as virtiofsd does, and says so in the file `ended` when it ends.
const fake = `#!${process.execPath}
const { writeFileSync } = require('node:fs');
if (process.argv.includes('--help')) { console.log('--shared-dir --readonly'); process.exit(); }
const directory = process.argv.find((word) => word.startsWith('--shared-dir=')).slice('--shared-dir='.length);
writeFileSync(directory + '/arguments', process.argv.slice(2).join('\\n'));
process.on('SIGTERM', () => { writeFileSync(directory + '/ended', 'SIGTERM'); process.exit(); });
const server = require('node:net').createServer((socket) => {
  server.close();
  socket.write('hello');
  socket.resume().on('close', () => writeFileSync(directory + '/ended', 'closed'));
}).listen({ fd: 0 }, () => writeFileSync(directory + '/listens', ''));
`;

/** Has this process run a virtiofsd that is none. @returns what it serves */
async function serve(context: Mocha.Context) {
  const { host } = await openTestHost(context, []);
  const directory = temporaryDirectory(context);
  const bin = join(directory, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'virtiofsd'), fake, { mode: 0o755 });
  const socket = join(directory, '01234567.f');
  const served = await withEnvironment({ PATH: `${bin}:${process.env.PATH ?? ''}` }, () =>
    serveDirectory(host, { directory, socket, readOnly: true }),
  );
  return { directory, socket, served };
}

async function text(file: string): Promise<string> {
  for (let tries = 0; tries < 500 && !(await isThere(file)); tries++)
    await new Promise((resolve) => setTimeout(resolve, 20));
  return readFileSync(file, 'utf8');
}

describe('a virtiofsd of ours', () => {
  it('is heard only where something is wrong', async function () {
    const directory = temporaryDirectory(this);
    const complaint = async (...lines: string[]): Promise<string | undefined> => {
      writeFileSync(join(directory, 'virtiofsd.log'), lines.map((line) => `${line}\n`).join(''));
      return virtiofsdComplaint(join(directory, '01234567.f'));
    };
    assert.equal(
      await complaint(
        'virtio_session_mount: Waiting for vhost-user socket connection...',
        'virtio_session_mount: Received vhost-user socket connection',
        'virtio_loop: Entry',
        'fv_queue_thread: Start for queue 0 kick_fd 9',
        '[2026-08-01T12:00:00Z INFO  virtiofsd] Client connected, servicing requests',
      ),
      undefined,
    );
    const wrong = 'unshare: unshare failed: Operation not permitted';
    assert.equal(await complaint(wrong, 'virtio_loop: Exit'), wrong);
  });

  // As an ordinary user it needs namespaces, which a host may forbid: test/e2e/volumes.test.ts is about that.
  if (process.getuid?.() !== 0) return;

  it('answers QEMU also before it listens, and ends with the connection', async function () {
    const { directory, socket } = await serve(this);
    assert.equal(statSync(socket).mode & 0o777, 0o600);
    const client = connect(socket);
    const [hello] = (await once(client, 'data')) as [Buffer];
    assert.equal(hello.toString(), 'hello');
    assert.match(await text(join(directory, 'arguments')), /^--fd=0\n[^]*--readonly/);
    client.destroy();
    assert.equal(await text(join(directory, 'ended')), 'closed');
  });

  it('is ended where QEMU does not come', async function () {
    const { directory, served } = await serve(this);
    await text(join(directory, 'listens'));
    served.end();
    assert.equal(await text(join(directory, 'ended')), 'SIGTERM');
    served.end();
  });
});
