import assert from 'node:assert/strict';
import type { StoragePool } from '../../../src/libvirt/index.js';
import { withConnection } from '../support.js';

const poolXml = (name: string) =>
  `<pool type='dir'><name>${name}</name><target><path>/test/${name}</path></target></pool>`;
const volumeXml = (name: string, bytes = 1024 ** 3) =>
  `<volume><name>${name}</name><capacity>${bytes}</capacity><target><format type='raw'/></target></volume>`;

let made = 0;

/** Runs with a pool that is defined, built and started, and removes it. */
async function withPool(use: (pool: StoragePool) => Promise<void>): Promise<void> {
  await withConnection(async (connection) => {
    const name = `pool-${++made}`;
    await using pool = await connection.defineStoragePool(poolXml(name));
    await pool.build();
    await pool.create();
    try {
      await use(pool);
    } finally {
      await using left = await connection.lookupStoragePoolByName(name);
      if (await left.isActive()) await left.destroy();
      await left.undefine();
    }
  });
}

describe('A storage pool', () => {
  it('is defined, built, started, stopped and undefined', () =>
    withConnection(async (connection) => {
      const pool = await connection.defineStoragePool(poolXml('cycle'));
      assert.equal(pool.name, 'cycle');
      assert.match(pool.uuid, /^[\da-f-]{36}$/);
      assert.equal(await pool.isPersistent(), true);
      assert.equal(await pool.isActive(), false);
      assert.equal((await pool.getInfo()).state, 'inactive');
      await pool.build();
      await pool.create();
      assert.equal(await pool.isActive(), true);
      await pool.refresh();
      const info = await pool.getInfo();
      assert.equal(info.state, 'running');
      assert.equal(typeof info.capacity, 'bigint');
      assert.ok(info.available <= info.capacity);
      assert.equal(await pool.getAutostart(), false);
      await pool.setAutostart(true);
      assert.equal(await pool.getAutostart(), true);
      await pool.setAutostart(false);
      assert.match(await pool.getXml(), /<name>cycle<\/name>/);
      await pool.destroy();
      await pool.delete();
      await pool.undefine();
      await assert.rejects(pool.getInfo(), { name: 'LibvirtError', code: 'VIR_ERR_NO_STORAGE_POOL' });
    }));

  it('is found by its name and UUID', () =>
    withConnection(async (connection) => {
      const pool = await connection.lookupStoragePoolByName('default-pool');
      const found = [
        await connection.lookupStoragePoolByUuid(pool.uuid),
        ...(await connection.listAllStoragePools({ active: true })),
      ];
      assert.deepEqual(new Set(found.map(({ name }) => name)), new Set(['default-pool']));
      assert.deepEqual(await connection.listAllStoragePools({ active: false }), []);
    }));

  it('that is not there, or makes no sense, is refused', () =>
    withConnection(async (connection) => {
      const absent = { name: 'LibvirtError', code: 'VIR_ERR_NO_STORAGE_POOL' };
      await assert.rejects(connection.lookupStoragePoolByName('absent'), absent);
      await assert.rejects(
        connection.lookupStoragePoolByUuid('6695eb01-f6a4-8304-79aa-97f2502e193e'),
        absent,
      );
      await assert.rejects(connection.lookupStoragePoolByTargetPath('/absent'), { name: 'LibvirtError' });
      await assert.rejects(connection.defineStoragePool('<pool'), { name: 'LibvirtError' });
      await assert.rejects(connection.defineStoragePool("<pool type='dir'><name>x</name></pool>"), {
        name: 'LibvirtError',
      });
      await assert.rejects(connection.createStoragePool('<domain/>'), { name: 'LibvirtError' });
    }));

  it('can be transient', () =>
    withConnection(async (connection) => {
      const pool = await connection.createStoragePool(poolXml('transient'));
      assert.equal(await pool.isPersistent(), false);
      await pool.destroy();
      await assert.rejects(pool.isActive(), { code: 'VIR_ERR_NO_STORAGE_POOL' });
    }));

  it('refuses arguments of other types', () =>
    withPool(async (pool) => {
      await assert.rejects(pool.setAutostart('yes' as never), {
        name: 'TypeError',
        message: "Expected `autostart` to be a boolean, got 'yes'",
      });
      await assert.rejects(pool.build({ overwrite: 1 as never }), { name: 'TypeError' });
      await assert.rejects(pool.lookupVolumeByName('a\0b'), {
        message: "Expected `name` to be a string without NUL characters, got 'a\\x00b'",
      });
      await assert.rejects(pool.createVolumeFrom({} as never, '<volume/>'), {
        message: 'Expected `source` to be a StorageVolume, got {}',
      });
      await assert.rejects(pool.getInfo({ signal: AbortSignal.abort() }), { name: 'AbortError' });
      await assert.rejects(pool.getInfo(null as never), { name: 'TypeError' });
    }));
});

describe('A storage volume', () => {
  it('is created, cloned and deleted', () =>
    withPool(async (pool) => {
      await using volume = await pool.createVolume(volumeXml('one'));
      assert.equal(volume.name, 'one');
      assert.deepEqual(await volume.getInfo(), {
        type: 'file',
        capacity: 1024n ** 3n,
        allocation: 1024n ** 3n,
      });
      assert.equal(await volume.getPath(), `/test/${pool.name}/one`);
      assert.match(await volume.getXml(), /<name>one<\/name>/);
      assert.equal((await volume.getPool()).uuid, pool.uuid);
      const clone = await pool.createVolumeFrom(volume, volumeXml('two'));
      assert.deepEqual((await pool.listAllVolumes()).map(({ name }) => name).sort(), ['one', 'two']);
      assert.equal((await pool.lookupVolumeByName('two')).key, clone.key);
      await clone.delete();
      await assert.rejects(clone.getPath(), { name: 'LibvirtError', code: 'VIR_ERR_NO_STORAGE_VOL' });
    }));

  it('has calls that the driver lacks', () =>
    withPool(async (pool) => {
      const volume = await pool.createVolume(volumeXml('one'));
      for (const call of [
        () => volume.resize(2n ** 40n),
        () => volume.wipe({ algorithm: 'random' }),
        () => volume.getInfo({ physical: true }),
        () => volume.upload(),
        () => volume.download({ sparse: true }),
      ])
        await assert.rejects(call(), { name: 'LibvirtError', code: 'VIR_ERR_NO_SUPPORT' });
    }));

  it('keeps 64 bits of its size', () =>
    withPool(async (pool) => {
      const volume = await pool.createVolume(volumeXml('small', 4097));
      assert.equal((await volume.getInfo()).capacity, 4097n);
    }));

  it('is found by its key and its path', () =>
    withPool(async (pool) => {
      const volume = await pool.createVolume(volumeXml('one'));
      await withConnection(async (connection) => {
        const found = [
          await connection.lookupStorageVolumeByKey(volume.key),
          await connection.lookupStorageVolumeByPath(await volume.getPath()),
        ];
        assert.deepEqual(
          found.map(({ name }) => name),
          ['one', 'one'],
        );
        const absent = { name: 'LibvirtError', code: 'VIR_ERR_NO_STORAGE_VOL' };
        await assert.rejects(connection.lookupStorageVolumeByKey('absent'), absent);
        await assert.rejects(connection.lookupStorageVolumeByPath('/absent'), absent);
        await assert.rejects(pool.lookupVolumeByName('absent'), absent);
      });
    }));

  it('is not cloned from one of another connection', () =>
    withPool(async (pool) => {
      await withConnection(async (connection) => {
        const other = await connection.lookupStoragePoolByName(pool.name);
        const source = await other.createVolume(volumeXml('one'));
        await assert.rejects(pool.createVolumeFrom(source, volumeXml('two')), { name: 'TypeError' });
      });
    }));

  it('refuses sizes that mean no byte', () =>
    withPool(async (pool) => {
      const volume = await pool.createVolume(volumeXml('one'));
      for (const [wrong, shown] of [
        [-1, '-1'],
        [1.5, '1.5'],
        [2 ** 53, '9007199254740992'],
        [2n ** 63n, '9223372036854775808n'],
        [NaN, 'NaN'],
        ['1', "'1'"],
        [null, 'null'],
      ] as [never, string][]) {
        const message = (name: string) => ({
          name: 'TypeError',
          message: `Expected \`${name}\` to be a non-negative safe integer or bigint, in bytes, got ${shown}`,
        });
        await assert.rejects(volume.resize(wrong), message('capacity'));
        await assert.rejects(volume.upload({ offset: wrong }), message('offset'));
        await assert.rejects(volume.download({ length: wrong }), message('length'));
      }
      await assert.rejects(volume.download({ length: 0 }), {
        message: 'Expected `length` to be more than 0 bytes or undefined, got 0',
      });
      await assert.rejects(volume.upload({ onProgress: 5 as never }), { name: 'TypeError' });
      await assert.rejects(volume.wipe({ algorithm: 'x' as never }), { name: 'TypeError' });
    }));

  it('is refused when it, or its connection, is closed', async () => {
    let late: StoragePool | undefined;
    await withPool(async (pool) => {
      const volume = await pool.createVolume(volumeXml('one'));
      await volume.close();
      await volume.close();
      for (const call of [volume.getInfo(), volume.upload(), volume.download(), volume.delete()])
        await assert.rejects(call, { name: 'LibvirtError', code: 'VIR_ERR_INVALID_STORAGE_VOL' });
      await assert.rejects(pool.createVolumeFrom(volume, volumeXml('two')), {
        code: 'VIR_ERR_INVALID_STORAGE_VOL',
      });
      late = pool;
    });
    await assert.rejects(late?.getInfo() ?? Promise.resolve(), { code: 'VIR_ERR_INVALID_STORAGE_POOL' });
    const closed = await new Promise<StoragePool>((resolve, reject) => {
      withConnection(async (connection) => {
        resolve(await connection.lookupStoragePoolByName('default-pool'));
      }).catch(reject);
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    await assert.rejects(closed.getInfo(), { code: 'VIR_ERR_INVALID_CONN' });
  });
});
