import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { connect } from '../../../src/libvirt/index.js';
import { FakeDaemon } from '../fake-daemon.js';
import { testUri, until } from '../support.js';

const openFiles = () => readdirSync('/dev/fd').length;
/** Linux alone lists threads. */
const threads = () => (process.platform === 'linux' ? readdirSync('/proc/self/task').length : 0);

async function cycle(uri: string, count: number, atOnce: number): Promise<void> {
  for (let i = 0; i < count; i += atOnce)
    await Promise.all(
      Array.from({ length: atOnce }, async () => {
        const connection = await connect(uri);
        if (uri === testUri) {
          const domain = await connection.lookupDomainByName('test');
          await connection.onDomainLifecycle(() => undefined);
          await domain.getState();
        }
        await connection.close();
      }),
    );
}

describe('Many cycles of opening and closing', () => {
  it('leave no file and no thread behind', async () => {
    await cycle(testUri, 200, 4);
    const before = { files: openFiles(), threads: threads() };
    await cycle(testUri, 3000, 4);
    assert.ok(openFiles() <= before.files, `${openFiles()} open files after ${before.files}`);
    assert.ok(threads() <= before.threads, `${threads()} threads after ${before.threads}`);
  }).timeout(20_000);

  it('leave nothing behind with a daemon either', async () => {
    const daemon = await FakeDaemon.start();
    await cycle(daemon.uri, 40, 4);
    const before = { files: openFiles(), threads: threads() };
    await cycle(daemon.uri, 400, 4);
    // The daemon runs in this process: its ends of the last connections may be closed a moment later.
    await daemon.stop();
    // libvirt's own end is closed on its event thread, behind the close of the connection.
    await until(`no more than ${before.files} files are open`, () => openFiles() <= before.files);
    assert.ok(threads() <= before.threads, `${threads()} threads after ${before.threads}`);
  });
});
