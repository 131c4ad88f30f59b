import assert from 'node:assert/strict';
import { parseStatus } from '../../src/bootc/status.js';

const entry = (tag: string, rest: object) => ({
  image: {
    image: { image: `localhost/web:${tag}`, transport: 'registry' },
    version: null,
    timestamp: null,
    imageDigest: `sha256:${tag}`,
    architecture: 'amd64',
  },
  cachedUpdate: null,
  incompatible: false,
  pinned: false,
  ...rest,
});
const host = (status: object) =>
  JSON.stringify({
    apiVersion: 'org.containers.bootc/v1',
    kind: 'BootcHost',
    metadata: { name: 'host' },
    spec: { image: { image: 'localhost/web:2', transport: 'registry' }, bootOrder: 'default' },
    status,
  });

describe('what bootc says of a guest', () => {
  it('is read of the ostree backend', async () => {
    const status = await parseStatus(
      host({
        type: 'bootcHost',
        booted: entry('1', {
          store: 'ostreeContainer',
          ostree: { checksum: 'c', deploySerial: 0, stateroot: 'default' },
        }),
        staged: entry('2', { softRebootCapable: true, ostree: { checksum: 'd', deploySerial: 0 } }),
        rollback: null,
        rollbackQueued: false,
      }),
    );
    assert.deepEqual(status, {
      reference: 'localhost/web:2',
      booted: {
        reference: 'localhost/web:1',
        digest: 'sha256:1',
        backend: 'ostree',
        id: 'c',
        softRebootCapable: false,
      },
      staged: {
        reference: 'localhost/web:2',
        digest: 'sha256:2',
        backend: 'ostree',
        id: 'd',
        softRebootCapable: true,
      },
      rollback: undefined,
      rollbackQueued: false,
    });
  });

  it('is read of the composefs backend, which leaves much null', async () => {
    const { booted, rollback, rollbackQueued } = await parseStatus(
      host({
        type: null,
        booted: entry('1', {
          store: null,
          ostree: null,
          composefs: { verity: 'v', bootType: 'Bls', bootloader: 'Systemd', bootDigest: null },
        }),
        staged: null,
        rollback: null,
        // A fresh install with a UKI says so, though there is none.
        rollbackQueued: true,
      }),
    );
    assert.equal(booted?.backend, 'composefs');
    assert.equal(booted.id, 'v');
    assert.equal(rollback, undefined);
    assert.equal(rollbackQueued, false);
  });

  it('is read of a rollback that comes with the next boot', async () => {
    const { rollback, rollbackQueued } = await parseStatus(
      host({ booted: entry('1', {}), staged: null, rollback: entry('0', {}), rollbackQueued: true }),
    );
    assert.equal(rollback?.digest, 'sha256:0');
    assert.equal(rollbackQueued, true);
  });

  it('is read of a system that bootc did not install', async () => {
    const { reference, booted } = await parseStatus(
      '{"apiVersion":"org.containers.bootc/v1","kind":"BootcHost","spec":{"image":null},"status":{"type":null,"booted":null}}',
    );
    assert.equal(reference, undefined);
    assert.equal(booted, undefined);
  });

  it('says what it expected of anything else', async () => {
    await assert.rejects(parseStatus('status: booted'), {
      code: 'BOOTC_STATUS_UNREADABLE',
      message: 'Expected bootc status to print JSON, got "status: booted"',
    });
    await assert.rejects(parseStatus('{"status":{"booted":{"image":"x"}}}'), {
      code: 'BOOTC_STATUS_UNREADABLE',
      message: /the field status\.booted\.image in the JSON of bootc status/,
    });
  });
});
