import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '../../../src/libvirt/index.js';
import { FakeDaemon } from '../fake-daemon.js';

describe('A connection over SSH', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'ssh-'));
  });
  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  /** A URI for which libvirt runs this program in place of ssh. */
  function uriWith(program: string): string {
    const path = join(directory, 'ssh');
    writeFileSync(path, `#!/bin/sh\necho "$*" >'${directory}/arguments'\n${program}\n`);
    chmodSync(path, 0o755);
    return `test+ssh://core@example.invalid:2222/default?command=${path}&no_tty=1&socket=/run/there`;
  }

  it('is one to the daemon on the other host', async () => {
    const daemon = await FakeDaemon.start();
    const socket = new URL(daemon.uri.replace('test+unix:', 'http://x')).searchParams.get('socket') ?? '';
    const relay = `const s = require('net').connect('${socket}'); process.stdin.pipe(s).pipe(process.stdout)`;
    const connection = await connect(uriWith(`exec '${process.execPath}' -e "${relay}"`));
    assert.ok((await connection.getLibraryVersion()) > 0);
    await connection.close();
    await daemon.stop();
    const given = readFileSync(join(directory, 'arguments'), 'utf8');
    assert.match(given, /-p 2222 -l core .*BatchMode=yes.* example\.invalid .*\/run\/there/);
  });

  it('fails when ssh does', async () => {
    const uri = uriWith('echo "core@example.invalid: Permission denied (publickey)." >&2; exit 255');
    // libvirt notices either the message or the end of the stream first.
    await assert.rejects(connect(uri), {
      name: 'LibvirtError',
      message: /Permission denied|socket is closed|End of file/,
    });
  });
});
