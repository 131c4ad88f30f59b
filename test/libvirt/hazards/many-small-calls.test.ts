import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { connect } from '../../../src/libvirt/index.js';
import { testUri } from '../support.js';

const files = () => readdirSync('/dev/fd').length;
/** Linux alone lists threads. */
const threads = () => (process.platform === 'linux' ? readdirSync('/proc/self/task').length : 0);

/** What a sanitizer adds to each allocation would count as growth. */
const measuresMemory = !process.env.LD_PRELOAD?.includes('asan');

describe('Many small calls', () => {
  it('on domains, pools, volumes and networks leave no memory, file or thread behind', async () => {
    await using connection = await connect(testUri);
    await using domain = await connection.lookupDomainByName('test');
    const round = async () => {
      await using pool = await connection.lookupStoragePoolByName('default-pool');
      await using network = await connection.lookupNetworkByName('default');
      await Promise.all([
        domain.getState(),
        pool.getInfo(),
        network.isActive(),
        pool.lookupVolumeByName('absent').catch(() => undefined),
        domain.openConsole().catch(() => undefined),
      ]);
    };
    const rounds = async (count: number) => {
      for (let i = 0; i < count; i += 10) await Promise.all(Array.from({ length: 10 }, round));
    };
    await rounds(600);
    const before = { files: files(), threads: threads(), memory: process.memoryUsage.rss() };
    await rounds(2000);
    assert.ok(files() <= before.files, `${files()} open files after ${before.files}`);
    assert.ok(threads() <= before.threads + 1, `${threads()} threads after ${before.threads}`);
    const grown = (process.memoryUsage.rss() - before.memory) / 1024 / 1024;
    if (measuresMemory) assert.ok(grown < 30, `${grown} MiB more`);
  });

  it('on handles that nobody closes are no leak', async () => {
    // `close` counts the references that are left; test/libvirt/support.ts asserts that there are none.
    const connection = await connect(testUri);
    for (let i = 0; i < 200; i++) {
      const pool = await connection.lookupStoragePoolByName('default-pool');
      await connection.lookupNetworkByName('default');
      await pool.listAllVolumes();
    }
    await connection.close();
  });
});
