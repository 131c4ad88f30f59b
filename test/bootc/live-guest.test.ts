import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { GuestBootc } from '../../src/bootc/guest.js';
import { LiveGuest, incomingRecord } from '../../src/bootc/live-guest.js';
import { readTar, writeTar, type TarMember } from '../../src/oci/tar.js';
import { fingerprint } from '../../src/oci/tree.js';
import type { GuestConnection, GuestResult } from '../../src/ssh/connection.js';
import { makeLayer, type Files } from '../oci/archive-support.js';
import { temporaryDirectory } from '../support/temporary.js';

/* The scripts that run in a guest run here, below a directory, with a bootc and a systemctl that say what they are called with. */
describe('a guest whose files are changed', () => {
  let directory: string;
  let root: string;
  let guest: LiveGuest;

  beforeEach(function () {
    directory = temporaryDirectory(this);
    root = join(directory, 'root');
    const programs = join(directory, 'bin');
    mkdirSync(programs);
    for (const [name, script] of Object.entries({
      systemctl: `echo "systemctl $*" >>'${directory}/calls'\ncase $2 in --failed) echo 'bad.service loaded failed failed Bad';; --plain) printf '%s loaded active running A unit\\n' a.service b.socket;; esac\ncase $1 in show) echo 'Id=a.service';; esac`,
      bootc: `echo "bootc $*" >>'${directory}/calls'\n[ "$1" != status ] || echo '{"status":{"booted":{"image":{"imageDigest":"sha256:1"}}}}'`,
    }))
      writeFileSync(join(programs, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const env = { ...process.env, PATH: `${programs}:${process.env.PATH ?? ''}`, PODMAN_BOOTC_ROOT: root };
    // Only what is called of it.
    const connection = {
      run: async (command: string, o: { input?: string | AsyncIterable<Buffer> }): Promise<GuestResult> => {
        const shell = spawn('sh', ['-c', command], { env });
        const result = { stdout: '', stderr: '' };
        shell.stdout.setEncoding('utf8').on('data', (text: string) => (result.stdout += text));
        shell.stderr.setEncoding('utf8').on('data', (text: string) => (result.stderr += text));
        shell.stdin.on('error', () => undefined);
        Readable.from(typeof o.input === 'string' ? [o.input] : (o.input ?? [])).pipe(shell.stdin);
        const exitCode = await new Promise<number>((resolve) => shell.on('close', resolve));
        return { ...result, exitCode };
      },
    } as unknown as GuestConnection;
    guest = new LiveGuest(new GuestBootc(connection, { user: 'root', name: 'dev' }));
    fill({
      'usr/bin/tool': 'old',
      'usr/dir/a/b': 'x',
      'usr/keep': 'k',
      'etc/dir/image': 'i',
      'etc/conf': 'c',
    });
  });

  function fill(files: Record<string, string>): void {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content);
      chmodSync(join(root, path), 0o644);
    }
  }

  const calls = (): string => readFileSync(join(directory, 'calls'), 'utf8');
  const text = (path: string): string => readFileSync(join(root, path), 'utf8');

  async function apply(removed: string[], files: Files, show?: string): ReturnType<LiveGuest['apply']> {
    const members: TarMember[] = [{ path: incomingRecord, text: '{"record":1}\n' }];
    const entries = await readTar(makeLayer(directory, 'layer', files));
    for (const entry of entries) if (entry.type !== 'directory') members.push({ entry });
    return guest.apply(removed, writeTar(members), { overlays: ['usr'], attributes: false, show });
  }

  it('says how it stands, and what it has booted where no live update has noted that', async () => {
    const first = await guest.look();
    assert.deepEqual(
      { ...first, status: first.status?.booted?.digest },
      {
        usr: true,
        etc: false,
        tar: true,
        record: '',
        incoming: '',
        removing: [],
        status: 'sha256:1',
      },
    );
    fill({
      'run/podman-bootc/live/record': '{}\n',
      'run/podman-bootc/live/incoming': '{"cut',
      'run/podman-bootc/live/removing': 'usr/a b\n',
    });
    const { status, record, incoming, removing } = await guest.look();
    assert.deepEqual(
      { status, record, incoming, removing },
      { status: undefined, record: '{}', incoming: '{"cut', removing: ['usr/a b'] },
    );
  });

  it('loses and gets files, a running program as another file, and notes it at the end', async () => {
    const running = openSync(join(root, 'usr/bin/tool'), 'r');
    const removed = ['usr/dir/a/b', 'usr/dir/a', 'usr/dir', 'etc/conf'];
    const { result } = await apply(removed, {
      'usr/bin/tool': 'new',
      'usr/dir': 'a file',
      'etc/dir/new': 'n',
      'usr/ä b': '!',
    });
    assert.equal(result.exitCode, 0, result.stderr);
    assert.equal(result.stdout, '');
    assert.equal(
      text('usr/bin/tool') + text('usr/dir') + text('etc/dir/new') + text('usr/ä b'),
      'newa filen!',
    );
    assert.equal(readFileSync(running, 'utf8'), 'old');
    closeSync(running);
    assert.ok(!existsSync(join(root, 'etc/conf')));
    assert.equal(text('usr/keep'), 'k');
    assert.deepEqual(readdirSync(join(root, 'run/podman-bootc/live')), ['record']);
    assert.equal(text('run/podman-bootc/live/record'), '{"record":1}\n');
  });

  it('keeps in /etc what is in a directory that goes', async () => {
    fill({ 'etc/dir/mine': 'm' });
    const { result } = await apply(['etc/dir/image', 'etc/dir'], {});
    assert.equal(result.exitCode, 0, result.stderr);
    assert.deepEqual(readdirSync(join(root, 'etc/dir')), ['mine']);
  });

  it('knows what an update that was cut short was about', async () => {
    async function* cut(): AsyncGenerator<Buffer> {
      for await (const piece of writeTar([{ path: incomingRecord, text: '{"record":1}\n' }])) {
        yield piece.length > 1000 ? Buffer.alloc(0) : piece;
      }
      yield Buffer.alloc(512, 'x');
    }
    const { result } = await guest.apply(['usr/keep'], cut(), {
      overlays: [],
      attributes: false,
      show: undefined,
    });
    assert.notEqual(result.exitCode, 0);
    const { incoming, removing, record } = await guest.look();
    assert.deepEqual([incoming, removing, record], ['{"record":1}', ['usr/keep'], '']);
    // The next one adds to what is not known, until it is done.
    await apply(['usr/dir'], { 'usr/x': 'x' }, 'Id');
    assert.deepEqual((await guest.look()).removing, ['usr/keep', 'usr/dir']);
  });

  it('tells its units where it is asked to, and is done after they were restarted', async () => {
    const { result, ...told } = await apply([], { 'usr/bin/tool': 'new' }, 'Id,ExecStart');
    assert.equal(result.exitCode, 0, result.stderr);
    assert.deepEqual(told, { units: 'Id=a.service\n', failedUnits: ['bad.service'] });
    assert.match(calls(), /^systemctl show --property=Id,ExecStart -- a\.service b\.socket$/m);
    assert.equal((await guest.look()).record, '');
    const { failedUnits, result: activated } = await guest.activate({
      ...{ reload: true, users: false, tmpfiles: [], restart: ['a b.service'], stop: ['gone.service'] },
    });
    assert.equal(activated.exitCode, 0, activated.stderr);
    assert.deepEqual(failedUnits, ['bad.service']);
    assert.match(
      calls(),
      /systemctl daemon-reload\nsystemctl stop -- gone.service\nsystemctl try-restart -- a b.service\n/,
    );
    assert.equal((await guest.look()).record, '{"record":1}');
  });

  it('has its files described as those of an image are', async () => {
    fill({ 'etc/new\\line': 'n' });
    symlinkSync('../a b', join(root, 'etc/link'));
    const paths = ['etc/conf', 'etc/dir', 'etc/new\\line', 'etc/link', 'etc/nothing'];
    const found = await guest.describe(paths);
    const entries = await readTar(
      makeLayer(directory, 'same', {
        'etc/conf': 'c',
        'etc/dir': null,
        'etc/new\\line': 'n',
        'etc/link': '-> ../a b',
      }),
    );
    const { uid, gid } = statSync(join(root, 'etc/conf'));
    assert.equal(found.size, 4);
    for (const [path, description] of found) {
      const entry = entries.find((one) => one.path === path) ?? assert.fail(path);
      assert.equal(description, await fingerprint({ ...entry, uid, gid }));
    }
    assert.deepEqual(await guest.describe(['etc/nothing']), new Map());
  });
});
