import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { AddressInfo } from 'node:net';
import ssh2 from 'ssh2';
import { codeOf, PodmanBootcError } from '../../src/errors.js';
import { runProcess, type ProcessOptions, type ProcessResult } from '../../src/process.js';
import { openSession, quoteForShell, sshArguments } from '../../src/ssh/session.js';
import { TestServer } from './sshd.js';

const awkward = [
  'plain',
  'a b',
  ' lead and trail ',
  "'",
  "it's ''quoted''",
  '"',
  '$HOME',
  '${HOME}',
  '$(id)',
  '`id`',
  '*',
  '?',
  '[a-z]',
  '{a,b}',
  '~',
  '~root',
  '',
  'two\nlines',
  '\n',
  'tab\there',
  '-n',
  '--',
  '-',
  '\\',
  '\\n',
  '%s%d%%',
  '!',
  '#',
  'a;b|c&d>e<f',
  'NAME=value',
  '=',
  'ünïcödé ✓ 漢字 🙂',
  '\u001b[0m',
];

describe('a session of the system ssh', function () {
  this.slow(3000);
  let server: TestServer;

  before(async () => {
    server = await TestServer.start();
    await server.pin('host-ed25519.pub');
  });
  after(async () => {
    await server.stop();
  });

  function ssh(command: string[], options?: ProcessOptions): Promise<ProcessResult> {
    return runProcess('ssh', sshArguments(server.target(), command), options);
  }

  const runner = fileURLToPath(new URL('run-session.js', import.meta.url));
  function sessionArguments(command: string[]): string[] {
    return [runner, JSON.stringify(server.target()), JSON.stringify(command)];
  }
  function session(command: string[], options?: ProcessOptions): Promise<ProcessResult> {
    return runProcess(process.execPath, sessionArguments(command), options);
  }

  describe('with several arguments', () => {
    it('passes each on exactly as given', async () => {
      const { stdout, exitCode } = await ssh(['printf', '%s\\0', ...awkward]);
      assert.equal(exitCode, 0);
      assert.deepEqual(stdout.split('\0').slice(0, -1), awkward);
    });

    it('passes on random ones too', async () => {
      const alphabet = Array.from(` '"\\$\`*?[]{}()<>|&;!#~%=-\n\tabü`);
      // A linear congruential generator: the same arguments in every run.
      let state = 1;
      const random = (below: number) => {
        state = (state * 1103515245 + 12345) % 2147483648;
        return Math.floor((state / 2147483648) * below);
      };
      const args = Array.from({ length: 500 }, () =>
        Array.from({ length: random(12) }, () => alphabet[random(alphabet.length)]).join(''),
      );
      const { stdout } = await ssh(['printf', '%s\\0', ...args]);
      assert.deepEqual(stdout.split('\0').slice(0, -1), args);
    });

    it('looks for a program of that very name', async () => {
      for (const program of ['no such program', '-V']) {
        const { exitCode, stderr } = await ssh([program, '-n']);
        assert.equal(exitCode, 127, stderr);
        assert.ok(stderr.includes(program), stderr);
      }
    });
  });

  describe('with one argument', () => {
    it('is a command line of the remote shell', async () => {
      const { stdout } = await ssh(['for word in a "b  c"; do echo "<$word>"; done | cat']);
      assert.equal(stdout, '<a>\n<b  c>');
    });

    it('takes no command for an option of its own', async () => {
      const { exitCode, stderr } = await ssh(['-V']);
      // It is the remote shell, run as `$SHELL -c -V`, that refuses it.
      assert.ok(exitCode > 0 && exitCode < 255);
      assert.doesNotMatch(stderr, /OpenSSH/);
    });
  });

  it('passes the exit code on', async () => {
    const [command, program] = await Promise.all([session(['exit 7']), session(['sh', '-c', 'exit 255'])]);
    assert.deepEqual([command.exitCode, command.all], [7, '']);
    assert.deepEqual([program.exitCode, program.all], [255, '']);
  });

  it('passes stdin, stdout and stderr on', async () => {
    const input = 'line\n'.repeat(20_000);
    const { stdout, stderr } = await session(['wc -c; echo problem >&2'], { input });
    assert.equal(stdout.trim(), String(input.length));
    assert.equal(stderr, 'problem');
  });

  it('asks for a terminal without a command, and for none with one', async () => {
    // An sshd without privileges cannot hand out terminals everywhere, so ssh2's server listens to the requests.
    const asked: string[] = [];
    const listener = new ssh2.Server({ hostKeys: [await readFile(server.path('host-ed25519'))] });
    listener.on('connection', (client) => {
      client.on('error', () => undefined);
      client.on('authentication', (context) => {
        context.accept();
      });
      client.on('session', (accept) => {
        const session = accept();
        session.on('pty', (acceptPty) => {
          asked.push('pty');
          acceptPty();
        });
        session.on('shell', (acceptShell) => {
          asked.push('shell');
          finish(acceptShell());
        });
        session.on('exec', (acceptExec, _reject, { command }) => {
          asked.push(command);
          finish(acceptExec());
        });
      });
    });
    function finish(channel: ssh2.ServerChannel) {
      channel.write('hello from the guest\r\n');
      channel.exit(5);
      channel.end();
    }
    await new Promise<void>((resolve) => {
      listener.listen(0, '127.0.0.1', resolve);
    });
    try {
      const target = server.target({ port: (listener.address() as AddressInfo).port });
      for (const command of [[], ['a command']]) {
        // script(1) gives it a terminal; -e returns the exit code.
        const inner = [process.execPath, runner, JSON.stringify(target), JSON.stringify(command)];
        const result = await runProcess('script', ['-qec', inner.map(quoteForShell).join(' '), '/dev/null']);
        assert.equal(result.exitCode, 5, result.all);
        assert.match(result.stdout, /hello from the guest/);
      }
      assert.deepEqual(asked, ['pty', 'shell', 'a command']);
    } finally {
      await new Promise((resolve) => listener.close(resolve));
    }
  });

  describe('that a signal reaches', () => {
    async function started(command: string[]): Promise<ChildProcess> {
      const child = spawn(process.execPath, sessionArguments(command), {
        stdio: ['ignore', 'pipe', 'pipe'],
        // A process group of its own, as a terminal's foreground job has.
        detached: true,
      });
      await once(child.stdout, 'data');
      return child;
    }

    it('ends with 130 after a Ctrl-C, which ssh gets from the terminal too', async () => {
      const child = await started(['echo started; exec sleep 5']);
      assert.ok(child.pid);
      process.kill(-child.pid, 'SIGINT');
      assert.deepEqual(await once(child, 'exit'), [130, null]);
    });

    it('passes SIGTERM on to ssh and ends with 143', async () => {
      const child = await started(['echo started; exec sleep 5']);
      child.kill('SIGTERM');
      assert.deepEqual(await once(child, 'exit'), [143, null]);
    });

    it('goes on after a SIGINT that ssh did not get', async () => {
      const child = await started(['echo started; sleep 0.3; exit 9']);
      child.kill('SIGINT');
      assert.deepEqual(await once(child, 'exit'), [9, null]);
    });
  });

  describe('at a server with another host key', () => {
    it('is refused', async () => {
      await server.keygen('other', 'ed25519');
      await server.pin('other.pub');
      try {
        const before = await readFile(server.path('known_hosts'), 'utf8');
        const { exitCode, stderr } = await session(['true']);
        assert.equal(exitCode, 255);
        assert.match(stderr, /HOST IDENTIFICATION HAS CHANGED|Host key verification failed/);
        assert.equal(await readFile(server.path('known_hosts'), 'utf8'), before);
      } finally {
        await server.pin('host-ed25519.pub');
      }
    });

    it('is refused when no key is pinned', async () => {
      const target = server.target({ knownHostsFile: server.path('none yet') });
      const { exitCode, stderr } = await runProcess('ssh', sshArguments(target, ['true']));
      assert.equal(exitCode, 255);
      assert.match(stderr, /Host key verification failed/);
    });
  });

  it('says what to install when there is no ssh', async () => {
    const path = process.env.PATH;
    process.env.PATH = server.directory;
    try {
      await assert.rejects(
        openSession(server.target(), ['true']),
        (error) =>
          error instanceof PodmanBootcError &&
          error.code === 'PROGRAM_NOT_FOUND' &&
          (error.remedy ?? '').includes('openssh-client'),
      );
    } finally {
      process.env.PATH = path;
    }
    assert.equal(process.listenerCount('SIGHUP'), 0);
  });

  it('refuses a path that ssh would expand', () => {
    for (const identityFile of ['/keys/${HOME}/id', '/keys/a\nb']) {
      assert.throws(
        () => sshArguments(server.target({ identityFile })),
        (error) => codeOf(error) === 'SSH_PATH_UNSUPPORTED',
      );
    }
  });

  it('leaves words that a shell takes as they are unquoted', () => {
    assert.equal(
      ['systemctl', 'stop', 'a-b/c.d:1@%,+'].map(quoteForShell).join(' '),
      'systemctl stop a-b/c.d:1@%,+',
    );
    assert.equal(quoteForShell("it's"), `'it'\\''s'`);
  });
});
