import assert from 'node:assert/strict';
import { closedError, errorOf } from '../../src/libvirt/error.js';
import { LibvirtError, connect, isLibvirtError } from '../../src/libvirt/index.js';
import { domainXml, withConnection } from './support.js';

const domainOf = (arch: string) => domainXml('odd').replace('<type>', `<type arch='${arch}'>`);

const failure = { kind: 'libvirt', number: 42, domain: 12, level: 2, message: 'no domain', api: 'virDomain' };

describe('An error of libvirt', () => {
  it('carries the name, the number, the part, the level and the call', () =>
    withConnection(async (connection) => {
      await assert.rejects(connection.lookupDomainByName('absent'), {
        name: 'LibvirtError',
        code: 'VIR_ERR_NO_DOMAIN',
        errno: 42,
        domain: 'VIR_FROM_TEST',
        level: 'error',
        api: 'virDomainLookupByName',
        message: 'Domain not found',
      });
    }));

  it('shows in its stack who made the call', () =>
    withConnection(async (connection) => {
      async function theCaller() {
        await connection.lookupDomainByName('absent');
      }
      await assert.rejects(theCaller(), { stack: /\bat async theCaller\b/ });
    }));

  it('keeps a number that it does not know', () => {
    const error = errorOf({ ...failure, number: 9999, domain: 8888 });
    assert.ok(error instanceof LibvirtError);
    assert.equal(error.code, 'VIR_ERR_9999');
    assert.equal(error.domain, 'VIR_FROM_8888');
    assert.equal(error.errno, 9999);
  });

  it('has a level by name', () => {
    assert.deepEqual(
      [0, 1, 2].map((level) => (errorOf({ ...failure, level }) as LibvirtError).level),
      ['none', 'warning', 'error'],
    );
  });

  it('is told from others, and by its code', () => {
    const error = closedError('domain');
    assert.equal(isLibvirtError(error), true);
    assert.equal(isLibvirtError(error, 'VIR_ERR_INVALID_DOMAIN'), true);
    assert.equal(isLibvirtError(error, 'VIR_ERR_NO_DOMAIN'), false);
    assert.equal(isLibvirtError(new Error('other')), false);
    assert.equal(isLibvirtError(undefined), false);
  });

  it('comes for a daemon that is not there', async () => {
    await assert.rejects(connect('qemu+unix:///session?socket=/nonexistent/socket'), {
      code: 'VIR_ERR_SYSTEM_ERROR',
      api: 'virConnectOpenAuth',
    });
  });

  it('comes for a driver that is not there', async () => {
    await assert.rejects(connect('nonsense:///system'), { name: 'LibvirtError' });
  });

  it('is of the call that failed, however many fail at once', () =>
    withConnection(async (connection) => {
      const messages = await Promise.all(
        Array.from({ length: 50 }, (_, i) =>
          connection.defineDomain(domainOf(`arch-${i}`), { validate: false }).then(
            () => 'found',
            (error: unknown) => String(error),
          ),
        ),
      );
      messages.forEach((message, i) => {
        assert.match(message, new RegExp(`arch-${i}\\b`));
      });
    }));
});
