import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type CredentialRequest } from '../../../src/libvirt/index.js';
import { assertEndedWell, runFixture } from '../support.js';

describe('A connection that needs credentials', () => {
  let directory: string;
  let uri: string;

  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'credentials-'));
    const path = join(directory, 'host.xml');
    writeFileSync(path, "<node><auth><user password='sesame'>ali</user></auth></node>");
    uri = `test://${path}`;
  });

  after(() => {
    rmSync(directory, { recursive: true });
  });

  /** Answers as a person would. */
  const answer = ({ type }: CredentialRequest) =>
    type === 'authname' ? 'ali' : type === 'passphrase' ? 'sesame' : null;

  it('asks for them until it has all', async () => {
    const asked: CredentialRequest[] = [];
    const connection = await connect(uri, {
      auth: (requests) => {
        asked.push(...requests);
        return requests.map(answer);
      },
    });
    assert.deepEqual(
      asked.map(({ type }) => type),
      ['authname', 'passphrase'],
    );
    assert.match(asked[0]?.prompt ?? '', /username/);
    assert.equal(await connection.getUri(), uri);
    await connection.close();
  });

  it('waits for them without holding others up', async () => {
    const waiting = Array.from({ length: 8 }, () =>
      connect(uri, {
        auth: async (requests) => {
          const other = await connect('test:///default');
          await other.close();
          return requests.map(answer);
        },
      }),
    );
    for (const connection of await Promise.all(waiting)) await connection.close();
  });

  it('does not count the time that the answers take', async () => {
    const connection = await connect(uri, {
      timeout: 2000,
      auth: async (requests) => {
        await new Promise((resolve) => setTimeout(resolve, 1500));
        return requests.map(answer);
      },
    });
    await connection.close();
  });

  it('fails without anybody to ask', () =>
    assert.rejects(connect(uri), { name: 'LibvirtError', message: /auth/ }));

  it('fails when they are wrong, or declined', async () => {
    await assert.rejects(connect(uri, { auth: (requests) => requests.map(() => 'wrong') }), {
      code: 'VIR_ERR_AUTH_FAILED',
    });
    await assert.rejects(connect(uri, { auth: (requests) => requests.map(() => null) }), {
      name: 'LibvirtError',
    });
  });

  it('fails with what the callback fails with', async () => {
    const reason = new Error('no keyring');
    await assert.rejects(connect(uri, { auth: () => Promise.reject(reason) }), reason);
    const fail = () => {
      throw reason;
    };
    await assert.rejects(connect(uri, { auth: fail }), reason);
  });

  it('refuses answers that are none, and does not show them', async () => {
    for (const answers of [undefined, 'ali', [], ['a', 'b'], [5], ['ali\0'], ['ali\ud800']])
      await assert.rejects(
        connect(uri, { auth: () => answers as never }),
        (error: unknown) =>
          error instanceof TypeError &&
          error.message.startsWith('Expected `auth` to be a function that returns an array of 1 strings') &&
          !error.message.includes('ali'),
      );
    await assert.rejects(connect(uri, { auth: 5 as never }), {
      name: 'TypeError',
      message: 'Expected `auth` to be a function or undefined, got 5',
    });
  });

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
    late(['ali']);
    await new Promise((resolve) => setImmediate(resolve));
  });

  it('does not hold up the end of a worker', async () => {
    const ended = await runFixture('credentials-never-come', [uri, 'workers']);
    assert.equal(ended.stdout, 'ended\n');
    assertEndedWell(ended);
  });

  it('does not hold up the end of the process', async () => {
    const ended = await runFixture('credentials-never-come', [uri, 'exit']);
    assert.equal(ended.stdout, 'asked\n');
    assertEndedWell(ended);
    assert.ok(ended.lingered < 300, `It lingered for ${ended.lingered} ms`);
  });
});
