import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  connect,
  isLibvirtError,
  type CredentialRequest,
  type CredentialsCallback,
} from '../../src/libvirt/index.js';
import { start, until, type Running } from './support/cli.js';

const user = 'ali';
const password = 'open sesame ✓';

/** A libvirtd of the test user's that lets nobody in without a password, by Cyrus SASL and SCRAM-SHA-256. */
describe('a libvirtd with SASL', () => {
  let directory: string;
  let daemon: Running;
  let uri: string;

  const inDirectory = (name: string, content: string): string => {
    const path = join(directory, name);
    writeFileSync(path, content);
    return path;
  };

  /** Answers as a person would. */
  const answer =
    (secret: string): CredentialsCallback =>
    (requests) =>
      requests.map(({ type }) => (type === 'authname' ? user : type === 'passphrase' ? secret : null));

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'sasl-'));
    // The daemon's socket, PID file and database are in there.
    chmodSync(directory, 0o777);
    const database = join(directory, 'users.db');
    // Cyrus SASL reads what is called as the service from here instead of /etc/sasl2.
    const env = { SASL_CONF_PATH: directory };
    inDirectory('libvirt.conf', `mech_list: scram-sha-256\nsasldb_path: ${database}\n`);
    const made = await start('saslpasswd2', ['-p', '-c', '-a', 'libvirt', '-f', database, user], {
      input: password,
      env,
    }).done;
    assert.equal(made.exitCode, 0, made.stderr);
    chmodSync(database, 0o644);
    const config = inDirectory(
      'libvirtd.conf',
      `unix_sock_dir = "${directory}"\nauth_unix_rw = "sasl"\nauth_unix_ro = "sasl"\n`,
    );
    daemon = start(
      'test/testbed/as-user',
      // Apart from the user's own session daemon, which an earlier test may have started.
      [
        ...[
          'env',
          `XDG_RUNTIME_DIR=${directory}`,
          `XDG_CONFIG_HOME=${directory}`,
          `XDG_CACHE_HOME=${directory}`,
        ],
        ...['libvirtd', '--config', config, '--pid-file', join(directory, 'libvirtd.pid')],
      ],
      { env },
    );
    // The test driver is asked in the daemon, which is the only thing that this is about.
    uri = `test+unix:///default?socket=${join(directory, 'libvirt-sock')}`;
    await until(
      'the daemon answers',
      async () => {
        assert.equal(daemon.child.exitCode, null, daemon.stderr());
        try {
          await connect(uri);
          assert.fail('It lets in who gives no password');
        } catch (error) {
          return isLibvirtError(error, 'VIR_ERR_AUTH_FAILED');
        }
      },
      120,
    );
  });

  after(async () => {
    daemon.child.kill();
    await daemon.done;
    rmSync(directory, { recursive: true });
  });

  /** Nothing that went wrong before has worn the daemon out. */
  afterEach(async () => {
    const connection = await connect(uri, { auth: answer(password) });
    await connection.close();
  });

  it('lets in who knows the password, and asks for all in one question', async () => {
    const asked: CredentialRequest[][] = [];
    await using connection = await connect(uri, {
      auth: (requests) => {
        asked.push([...requests]);
        return answer(password)(requests);
      },
    });
    assert.deepEqual(
      asked.map((requests) => requests.map(({ type }) => type)),
      [['username', 'authname', 'passphrase']],
    );
    assert.match(asked[0]?.[2]?.prompt ?? '', /password/);
    assert.equal(await connection.getUri(), uri);
    await using domain = await connection.lookupDomainByName('test');
    assert.equal((await domain.getState()).state, 'running');
  });

  it('waits for answers that take their time', async () => {
    const connection = await connect(uri, {
      auth: async (requests) => {
        await sleep(50);
        return answer(password)(requests);
      },
    });
    await connection.close();
  });

  it('refuses a wrong password, also a read-only connection', async () => {
    for (const readOnly of [false, true])
      for (const wrong of ['open sesame', ''])
        await assert.rejects(connect(uri, { readOnly, auth: answer(wrong) }), {
          name: 'LibvirtError',
          code: 'VIR_ERR_AUTH_FAILED',
        });
  });

  it('is not reached without a callback, and the error says that there was none', () =>
    assert.rejects(connect(uri), {
      name: 'LibvirtError',
      code: 'VIR_ERR_AUTH_FAILED',
      message: /`auth`, a function that gives credentials, was not passed to connect\(\)$/,
    }));

  it('is not reached when the callback fails, and the error is that of the callback', async () => {
    const reason = new Error('no keyring');
    await assert.rejects(connect(uri, { auth: () => Promise.reject(reason) }), reason);
    const fail = () => {
      throw reason;
    };
    await assert.rejects(connect(uri, { auth: fail }), reason);
  });

  it('is not reached when nothing is answered', () =>
    assert.rejects(connect(uri, { auth: (requests) => requests.map(() => null) }), {
      name: 'LibvirtError',
    }));

  it('can be given up while it asks', async () => {
    const abort = new AbortController();
    const reason = new Error('enough');
    let late: (answers: string[]) => void = () => undefined;
    const opening = connect(uri, {
      signal: abort.signal,
      auth: () => {
        setImmediate(() => {
          abort.abort(reason);
        });
        return new Promise<string[]>((resolve) => {
          late = resolve;
        });
      },
    });
    await assert.rejects(opening, reason);
    late(['', user, password]);
  });

  it('asks each of many at once', async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 12 }, (_, i) => connect(uri, { auth: answer(i % 3 === 0 ? 'wrong' : password) })),
    );
    for (const [i, outcome] of outcomes.entries()) {
      assert.equal(outcome.status, i % 3 === 0 ? 'rejected' : 'fulfilled', `connection ${i}`);
      if (outcome.status === 'fulfilled') await outcome.value.close();
    }
  });
});
