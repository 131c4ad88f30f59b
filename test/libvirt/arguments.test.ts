import assert from 'node:assert/strict';
import { connect } from '../../src/libvirt/index.js';
import { withDomain } from './support.js';

/** As from JavaScript, where nobody checks types. */
function untyped(value: unknown): never {
  return value as never;
}

describe('An argument of the wrong type', () => {
  const cases: [string, () => Promise<unknown>][] = [
    ['Expected `uri` to be a string or undefined, got 5', () => connect(untyped(5))],
    ['Expected `uri` to be a string or undefined, got null', () => connect(untyped(null))],
    ["Expected `uri` to be a string without NUL characters, got 'a\\x00b'", () => connect('a\0b')],
    ["Expected `options` to be an object, got 'x'", () => connect('test:///default', untyped('x'))],
    [
      "Expected `readOnly` to be a boolean or undefined, got 'no'",
      () => connect('test:///default', { readOnly: untyped('no') }),
    ],
    [
      'Expected `signal` to be an AbortSignal or undefined, got {}',
      () => connect('test:///default', { signal: untyped({}) }),
    ],
  ];
  for (const [message, action] of cases)
    it(`rejects with "${message}"`, () => assert.rejects(action(), { name: 'TypeError', message }));

  it('rejects in the calls of a connection', () =>
    withDomain(async (_, connection) => {
      const calls: [string, Promise<unknown>][] = [
        ['name', connection.lookupDomainByName(untyped(undefined))],
        ['uuid', connection.lookupDomainByUuid(untyped(7))],
        ['xml', connection.defineDomain(untyped({}))],
        ['xml', connection.defineDomain('<domain>\0')],
        ['validate', connection.defineDomain('<domain/>', { validate: untyped(1) })],
        ['xml', connection.createDomain(untyped(null))],
        ['validate', connection.createDomain('<domain/>', { validate: untyped('yes') })],
        ['active', connection.listAllDomains({ active: untyped('yes') })],
        ['arch', connection.getDomainCapabilities({ arch: untyped(64) })],
        ['listener', connection.onDomainLifecycle(untyped('x'))],
        ['domain', connection.onDomainLifecycle(() => undefined, { domain: untyped({}) })],
        ['options', connection.getUri(untyped(null))],
      ];
      for (const [name, promise] of calls)
        await assert.rejects(promise, {
          name: 'TypeError',
          message: new RegExp(`^Expected \`${name}\` to be`),
        });
      assert.throws(() => connection.onClose(untyped(1)), { name: 'TypeError' });
    }));

  it('rejects in the calls of a domain', () =>
    withDomain(async (domain) => {
      const calls: [string, Promise<unknown>][] = [
        ['inactive', domain.getXml({ inactive: untyped(1) })],
        ['uri', domain.getMetadata(untyped(1))],
        ['config', domain.getMetadata('x:y', { config: untyped('') })],
        ['xml', domain.setMetadata(untyped(undefined), { key: 'k', uri: 'x:y' })],
        ['key', domain.setMetadata('<a/>', untyped({ uri: 'x:y' }))],
        ['options', domain.setMetadata('<a/>', untyped(undefined))],
        ['mode', domain.shutdown({ mode: untyped('toString') })],
        ['paused', domain.create({ paused: untyped(0) })],
        ['graceful', domain.destroy({ graceful: untyped(0) })],
        ['tpm', domain.undefine({ tpm: untyped(0) })],
      ];
      for (const [name, promise] of calls)
        await assert.rejects(promise, {
          name: 'TypeError',
          message: new RegExp(`^Expected \`${name}\` to be`),
        });
    }));
});
