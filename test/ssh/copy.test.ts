import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { copy, scpArguments } from '../../src/ssh/copy.js';
import { rejectsWithCode } from '../support/rejects.js';
import { temporaryDirectory } from '../support/temporary.js';
import { TestServer } from './sshd.js';

describe('copying over SSH', function () {
  this.slow(3000);
  this.timeout(60_000);
  let server: TestServer;
  let here: string;
  let there: string;

  before(async () => {
    server = await TestServer.start();
    await server.pin('host-ed25519.pub');
  });
  after(async () => {
    await server.stop();
  });
  beforeEach(function () {
    [here, there] = [temporaryDirectory(this), temporaryDirectory(this)];
  });

  const toGuest = (local: string, remote: string): Promise<void> =>
    copy(server.target(), { local, remote, direction: 'to-guest' });
  const fromGuest = (remote: string, local: string): Promise<void> =>
    copy(server.target(), { local, remote, direction: 'from-guest' });

  for (const name of [
    'plain',
    'a b',
    'a:b',
    '-r',
    "it's",
    '"$HOME"',
    '*',
    '?',
    '[a-z]',
    '{a,b}',
    'back\\slash',
    '\\*',
    '~',
    '%d',
    'ünïcödé 🙂',
    ';id',
  ]) {
    it(`keeps the name and every byte of ${JSON.stringify(name)}, both ways`, async () => {
      const bytes = randomBytes(1000);
      writeFileSync(join(here, name), bytes);
      // What a wildcard would match besides.
      writeFileSync(join(there, 'a'), 'other');
      await toGuest(join(here, name), join(there, name));
      assert.deepEqual(readFileSync(join(there, name)), bytes);
      await fromGuest(join(there, name), join(here, 'back'));
      assert.deepEqual(readFileSync(join(here, 'back')), bytes);
    });
  }

  it('copies a directory with all that is in it, modes and times', async () => {
    mkdirSync(join(here, 'tree', 'empty'), { recursive: true });
    mkdirSync(join(here, 'tree', 'in'));
    writeFileSync(join(here, 'tree', 'in', 'tool'), 'x', { mode: 0o750 });
    utimesSync(join(here, 'tree', 'in', 'tool'), 1_000_000_000, 1_000_000_000);
    await toGuest(join(here, 'tree'), join(there, 'new'));
    assert.deepEqual((await readdir(join(there, 'new'))).sort(), ['empty', 'in']);
    const { mode, mtimeMs } = statSync(join(there, 'new', 'in', 'tool'));
    assert.deepEqual([mode & 0o777, mtimeMs], [0o750, 1_000_000_000_000]);
    await toGuest(join(here, 'tree'), there);
    assert.ok(existsSync(join(there, 'tree', 'in', 'tool')), 'into a directory that exists, under its name');
    mkdirSync(join(here, 'target'));
    await fromGuest(join(there, 'new'), join(here, 'target'));
    assert.equal(readFileSync(join(here, 'target', 'new', 'in', 'tool'), 'utf8'), 'x');
  });

  it('copies what a link leads to', async () => {
    writeFileSync(join(here, 'file'), 'x');
    symlinkSync('file', join(here, 'link'));
    await toGuest(join(here, 'link'), `${there}/`);
    assert.equal(readFileSync(join(there, 'link'), 'utf8'), 'x');
  });

  it('does not make a file where a directory was meant', async () => {
    writeFileSync(join(there, 'file'), 'x');
    await rejectsWithCode('COPY_FAILED', () => fromGuest(join(there, 'file'), `${here}/missing/`));
    assert.ok(!existsSync(join(here, 'missing')));
  });

  it("fails with scp's words for a file that there is not, on either side", async () => {
    const error = await rejectsWithCode('COPY_FAILED', () => fromGuest(join(there, 'nothing'), here));
    assert.match(error.output ?? '', /No such file/);
    assert.equal(error.failureClass, 'failure');
    await rejectsWithCode('COPY_FAILED', () => toGuest(join(here, 'nothing'), there));
  });

  it('says what to do for a guest without an SFTP server', async () => {
    const bare = await TestServer.start({ sftp: false });
    try {
      await bare.pin('host-ed25519.pub');
      writeFileSync(join(here, 'file'), 'x');
      const error = await rejectsWithCode('COPY_FAILED', () =>
        copy(bare.target(), { local: join(here, 'file'), remote: there, direction: 'to-guest' }),
      );
      assert.match(error.remedy ?? '', /no SFTP server/, error.output);
    } finally {
      await bare.stop();
    }
  });

  it('ends with its signal', async () => {
    const aborted = AbortSignal.abort(new Error('enough'));
    const what = { local: here, remote: there, direction: 'to-guest' } as const;
    await assert.rejects(copy(server.target(), what, { signal: aborted }), /enough/);
  });

  it("takes nothing from the user's own configuration", () => {
    const what = { local: 'a', remote: 'b', direction: 'to-guest' } as const;
    const args = scpArguments(server.target(), what);
    assert.deepEqual(args.slice(args.indexOf('-F'), args.indexOf('-F') + 2), ['-F', 'none']);
    assert.ok(args.includes('StrictHostKeyChecking=yes'));
    assert.deepEqual(args.slice(-3), ['--', join(process.cwd(), 'a'), '127.0.0.1:b']);
  });
});
