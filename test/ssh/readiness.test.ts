import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PodmanBootcError } from '../../src/errors.js';
import { fingerprintOf, parsePinnedKeys } from '../../src/ssh/known-hosts.js';
import { waitForBanner, waitForLogin } from '../../src/ssh/readiness.js';
import { freePort, TestServer, user } from './sshd.js';

function failsWith(code: string, message: RegExp, remedy = /./) {
  return (error: unknown) => {
    assert.ok(error instanceof PodmanBootcError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    assert.match(error.remedy ?? '', remedy);
    return true;
  };
}

describe('waiting for an SSH login', function () {
  this.slow(3000);
  let server: TestServer;

  beforeEach(async () => {
    server = await TestServer.start();
  });
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') console.error(server.log);
    await server.stop();
  });

  async function fingerprint(publicKeyFile: string): Promise<string> {
    const [, encoded = ''] = (await readFile(server.path(publicKeyFile), 'utf8')).split(' ');
    return fingerprintOf(Buffer.from(encoded, 'base64'));
  }

  describe('at a server that is ready', () => {
    it('logs in on the one connection that showed the banner, and leaves nothing open', async () => {
      const phases: string[] = [];
      const abort = new AbortController();
      const result = await waitForLogin(server.target(), {
        timeout: 9000,
        signal: abort.signal,
        onPhase: (phase) => phases.push(phase),
      });
      assert.match(result.banner, /^SSH-2\.0-OpenSSH_[^\r\n]+$/);
      assert.deepEqual(phases, ['connecting', 'banner', 'login']);
      assert.equal(server.accepted.length, 1);
      assert.equal(getEventListeners(abort.signal, 'abort').length, 0);
      await server.drained();
    });

    it('pins the host key at the first contact and insists on it afterwards', async () => {
      assert.equal((await waitForLogin(server.target(), { timeout: 9000 })).pinned, true);
      const { mode } = await stat(server.path('known_hosts'));
      assert.equal(mode & 0o777, 0o600);
      const text = await readFile(server.path('known_hosts'), 'utf8');
      const [key] = parsePinnedKeys(text, 'vm-main');
      assert.ok(key);
      assert.equal(fingerprintOf(key.key), await fingerprint('host-ed25519.pub'));
      assert.equal((await waitForLogin(server.target(), { timeout: 9000 })).pinned, false);
      assert.equal(await readFile(server.path('known_hosts'), 'utf8'), text);
      assert.deepEqual(
        (await readdir(server.directory)).filter((name) => name.startsWith('known_hosts')),
        ['known_hosts'],
      );
    });

    it('keeps what a known_hosts file says of others when it adds a key', async () => {
      const other = 'other ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f';
      await writeFile(server.path('known_hosts'), other);
      await waitForLogin(server.target(), { timeout: 9000 });
      const text = await readFile(server.path('known_hosts'), 'utf8');
      assert.ok(text.startsWith(`${other}\n`));
      assert.equal(parsePinnedKeys(text, 'VM-Main').length, 1);
    });

    it('refuses another host key at once and names both fingerprints', async () => {
      await server.keygen('old', 'ed25519');
      await server.pin('old.pub');
      const expected = await fingerprint('old.pub');
      const shown = await fingerprint('host-ed25519.pub');
      await assert.rejects(
        waitForLogin(server.target(), { timeout: 9000 }),
        (error: unknown) =>
          failsWith(
            'HOST_KEY_MISMATCH',
            /is pinned for vm-main$/,
            /ssh-keygen -R vm-main -f .*known_hosts/,
          )(error) &&
          error instanceof Error &&
          error.message.includes(expected) &&
          error.message.includes(shown),
      );
      assert.equal(server.accepted.length, 1);
      await server.drained();
    });

    it('does not trust anything while the pinned key cannot be read', async () => {
      await writeFile(server.path('known_hosts'), 'vm-main ssh-ed25519 AAAAtrunca');
      await assert.rejects(
        waitForLogin(server.target(), { timeout: 9000 }),
        failsWith('KNOWN_HOSTS_DAMAGED', /cannot be read/),
      );
      assert.equal(server.accepted.length, 0);
    });

    it('says which key file cannot be used', async () => {
      await assert.rejects(
        waitForLogin(server.target({ identityFile: server.path('missing') }), { timeout: 9000 }),
        failsWith('IDENTITY_UNUSABLE', /missing cannot be used/),
      );
    });
  });

  describe('at a guest that is still booting', () => {
    it('waits for a server that appears late', async () => {
      const late = await TestServer.start({ listen: false });
      try {
        const port = await freePort();
        const login = waitForLogin(late.target({ port }), { timeout: 9000 });
        setTimeout(() => void late.listen(port), 400);
        await login;
        assert.equal(late.accepted.length, 1);
      } finally {
        await late.stop();
      }
    });

    it('tries another connection beside one on which no banner comes', async () => {
      server.receive = (socket) => {
        server.receive = (next) => {
          server.sshd(next);
        };
        server.answer(socket);
      };
      await waitForLogin(server.target(), { timeout: 9000 });
      const [first = 0, second = 0] = server.accepted;
      assert.ok(second - first > 2900 && second - first < 4500, `${second - first} ms`);
      await server.drained();
    });

    it('keeps the one on which no banner came, and uses it when the server answers late', async () => {
      const silences: string[] = [];
      server.receive = (socket) => {
        server.receive = (next) => {
          server.answer(next);
          server.sshd(socket);
        };
      };
      await waitForLogin(server.target(), { timeout: 9000, onAttempt: (attempt) => silences.push(attempt) });
      assert.equal(server.accepted.length, 2);
      assert.deepEqual([...new Set(silences)], ['silent', 'greeted']);
      await server.drained();
    });

    it('uses one of two that are answered at the same time, and closes the other', async () => {
      server.receive = (socket) => {
        server.receive = (next) => {
          server.sshd(next);
          server.sshd(socket);
        };
      };
      await waitForLogin(server.target(), { timeout: 9000 });
      await server.drained();
    });

    it('tries anew at once when the server is expected', async () => {
      const up = new AbortController();
      server.receive = (socket) => {
        server.receive = (next) => {
          server.sshd(next);
        };
        server.answer(socket);
        setTimeout(() => {
          up.abort();
        }, 500);
      };
      await waitForLogin(server.target(), { timeout: 9000, expected: up.signal });
      const [first = 0, second = 0] = server.accepted;
      assert.ok(second - first > 450 && second - first < 1300, `${second - first} ms`);
    });

    it('makes one attempt where the server was expected before', async () => {
      const attempts: string[] = [];
      await waitForLogin(server.target(), {
        timeout: 9000,
        expected: AbortSignal.abort(),
        onAttempt: (attempt) => attempts.push(attempt),
      });
      assert.deepEqual(attempts, ['greeted']);
    });

    it('keeps 250 ms between connections that are closed at once', async () => {
      const closed = 3;
      server.receive = (socket) => {
        if (server.accepted.length > closed) server.sshd(socket);
        else server.hangUp(socket);
      };
      await waitForLogin(server.target(), { timeout: 9000 });
      assert.equal(server.accepted.length, closed + 1);
      for (const [index, time] of server.accepted.entries()) {
        const previous = server.accepted[index - 1];
        if (previous !== undefined) assert.ok(time - previous > 235, `${time - previous} ms`);
      }
      // A busy host may be late to accept one connection and not the next; where the pause is missing, every time fails.
    }).retries(2);

    it('tries again after garbage, and reads lines that precede the banner', async () => {
      server.receive = (socket) => {
        if (server.accepted.length === 1) server.hangUp(socket, 'HTTP/1.1 400 Bad Request\r\n\r\n');
        else if (server.accepted.length === 2) server.answer(socket, 'x'.repeat(20_000));
        else
          socket.write('booting, SSH-like text comes later\r\n', () => {
            server.sshd(socket);
          });
      };
      const { banner } = await waitForLogin(server.target(), { timeout: 9000 });
      assert.match(banner, /^SSH-2\.0-OpenSSH/);
      assert.equal(server.accepted.length, 3);
    });

    it('tries again when the session ends before its command does', async () => {
      const key = await readFile(server.path('id.pub'), 'utf8');
      const flag = join(tmpdir(), `podman-bootc-test-${process.pid}`);
      // The first session kills the server's end of the connection, like a login that PAM throws out.
      await server.authorize(`command="mkdir ${flag} && kill -9 $PPID || rmdir ${flag}" ${key}`);
      await waitForLogin(server.target(), { timeout: 9000 });
      assert.equal(server.accepted.length, 2);
    });

    it('tries a refused key again, because keys may come late in the boot', async () => {
      const key = await readFile(server.path('id.pub'), 'utf8');
      await server.authorize('');
      setTimeout(() => void server.authorize(key), 300);
      await waitForLogin(server.target(), { timeout: 9000 });
      assert.equal(server.accepted.length, 2);
      // A busy host may be so late with the first attempt that the key is there.
    }).retries(2);
  });

  describe('in vain', () => {
    it('says that the key was refused when the grace is over', async () => {
      await server.authorize('');
      const start = performance.now();
      await assert.rejects(
        waitForLogin(server.target(), { timeout: 9000, authenticationGrace: 300 }),
        failsWith(
          'LOGIN_REFUSED',
          new RegExp(`does not let ${user} log in: the key was refused`),
          /older than 252/,
        ),
      );
      const took = performance.now() - start;
      assert.ok(took >= 290 && took < 3000, `${took} ms`);
      assert.equal(server.accepted.length, 2);
      await server.drained();
    });

    it('prefers the refusal to the time-out when both are due', async () => {
      await server.authorize('');
      await assert.rejects(
        waitForLogin(server.target(), { timeout: 500, authenticationGrace: 60_000 }),
        failsWith('LOGIN_REFUSED', /the key was refused/),
      );
    });

    it('says that the shell runs no commands', async () => {
      const key = await readFile(server.path('id.pub'), 'utf8');
      await server.authorize(`command="exit 3" ${key}`);
      await assert.rejects(
        waitForLogin(server.target(), { timeout: 9000, authenticationGrace: 0 }),
        failsWith('LOGIN_REFUSED', /`true` with exit code 3$/, /login shell/),
      );
    });

    it('times out saying that nothing listens', async () => {
      await assert.rejects(
        waitForLogin(server.target({ port: await freePort() }), { timeout: 400 }),
        failsWith('SSH_TIMEOUT', /within 0\.4 s: nothing listens on the port$/, /still runs/),
      );
    });

    it('times out saying that no banner came', async () => {
      server.receive = (socket) => {
        server.answer(socket);
      };
      await assert.rejects(
        waitForLogin(server.target(), { timeout: 400 }),
        failsWith('SSH_TIMEOUT', /the port is open, but no SSH banner came$/, /console/),
      );
      await server.drained();
    });

    it('times out saying that something else answers', async () => {
      server.receive = (socket) => {
        server.hangUp(socket, 'HTTP/1.1 400 Bad Request\r\n\r\n');
      };
      await assert.rejects(
        waitForLogin(server.target(), { timeout: 400 }),
        failsWith('SSH_TIMEOUT', /closed with "HTTP\/1\.1 400 Bad Request(\\r)?" instead of an SSH banner$/),
      );
    });

    it('times out saying that the login did not finish', async () => {
      server.receive = (socket) => {
        server.answer(socket, 'SSH-2.0-Sleepy_1\r\n');
      };
      await assert.rejects(
        waitForLogin(server.target(), { timeout: 400 }),
        failsWith(
          'SSH_TIMEOUT',
          /SSH-2\.0-Sleepy_1 answers, but the login did not finish in time$/,
          /more time/,
        ),
      );
      await server.drained();
    });

    it('ends with the reason of an abort in every phase, without a socket left', async () => {
      const receptions: Record<string, () => void> = {
        connecting: () => {
          server.receive = (socket) => {
            server.hangUp(socket);
          };
        },
        banner: () => {
          server.receive = (socket) => {
            server.answer(socket);
          };
        },
        login: () => {
          server.receive = (socket) => {
            server.answer(socket, 'SSH-2.0-Sleepy_1\r\n');
          };
        },
        refused: () => {
          server.receive = (socket) => {
            server.sshd(socket);
          };
        },
      };
      await server.authorize('');
      for (const [phase, prepare] of Object.entries(receptions)) {
        prepare();
        const abort = new AbortController();
        const reason = new Error(phase);
        const start = performance.now();
        setTimeout(() => {
          abort.abort(reason);
        }, 250);
        await assert.rejects(
          waitForLogin(server.target(), { timeout: 9000, signal: abort.signal }),
          (error) => error === reason,
        );
        assert.ok(performance.now() - start < 1000, phase);
        assert.equal(getEventListeners(abort.signal, 'abort').length, 0, phase);
        await server.drained();
      }
    });

    it('does not even connect when it was aborted before', async () => {
      await assert.rejects(
        waitForLogin(server.target(), { timeout: 9000, signal: AbortSignal.abort('no') }),
        (reason) => reason === 'no',
      );
      assert.equal(server.accepted.length, 0);
    });
  });

  describe('for the banner alone', () => {
    it('returns the line, however it is cut', async () => {
      server.receive = (socket) => {
        server.answer(socket, 'hello\nSSH-2.0-');
        setTimeout(() => socket.write('Slow_1.0 Debian-1\r'), 50);
        setTimeout(() => socket.write('\n'), 100);
      };
      assert.equal(await waitForBanner(server.target(), { timeout: 2000 }), 'SSH-2.0-Slow_1.0 Debian-1');
      await server.drained();
    });

    it('times out', async () => {
      server.receive = (socket) => {
        server.answer(socket);
      };
      await assert.rejects(
        waitForBanner(server.target(), { timeout: 300 }),
        failsWith(
          'SSH_TIMEOUT',
          /^No SSH server answered on port \d+ within 0\.3 s: the port is open, but no/,
        ),
      );
      await server.drained();
    });
  });
});

describe('logging in at a server with host keys of several types', () => {
  let server: TestServer;

  // Once: RSA keys take half a second each.
  before(async () => {
    server = await TestServer.start({ hostKeyTypes: ['rsa', 'ecdsa'] });
  });
  after(async () => {
    await server.stop();
  });

  for (const type of ['rsa', 'ecdsa']) {
    it(`asks for the ${type} key where that is the pinned one`, async () => {
      await server.pin(`host-${type}.pub`);
      assert.equal((await waitForLogin(server.target(), { timeout: 9000 })).pinned, false);
    });
  }

  it('names the key of another type that the server has in place of the pinned one', async () => {
    await server.keygen('old', 'ed25519');
    await server.pin('old.pub');
    await assert.rejects(
      waitForLogin(server.target(), { timeout: 9000 }),
      failsWith('HOST_KEY_MISMATCH', /SHA256:\S+ \(ecdsa\S+\), but SHA256:\S+ \(ssh-ed25519\) is pinned/),
    );
  });

  it('pins the key of the type that is preferred', async () => {
    await rm(server.path('known_hosts'));
    await waitForLogin(server.target(), { timeout: 9000 });
    assert.match(await readFile(server.path('known_hosts'), 'utf8'), /^vm-main ecdsa-\S+ \S+\n$/);
  });
});
