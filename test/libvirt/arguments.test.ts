import assert from 'node:assert/strict';
import { loadAddon } from '../../src/libvirt/load.js';
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
    ["Expected `uri` to be a string without lone surrogates, got 'a\\ud800b'", () => connect('a\ud800b')],
    ["Expected `uri` to be a string without lone surrogates, got '\\udc00'", () => connect('\udc00')],
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

  it('is refused by the addon as well', () =>
    withDomain(async (domain, connection) => {
      const addon = loadAddon();
      const open = (uri: string) => () => addon.connectionOpen(uri, true, () => undefined, 0);
      for (const uri of ['\ud800', 'a\udfff', '\udc00\ud800', '\ufffd\ud800'])
        assert.throws(open(uri), {
          name: 'TypeError',
          message: 'Expected argument 1 to be a string without lone surrogates',
        });
      assert.throws(open('\0'), { name: 'TypeError', message: /without NUL$/ });
      // Pairs, and the character that stands for what is no text, are text.
      for (const text of ['\ufffd', '😀', '\ufffd😀']) {
        await domain.setMetadata(`<note>${text}</note>`, { key: 'k', uri: 'x:y' });
        assert.match((await domain.getMetadata('x:y')) ?? '', new RegExp(text, 'u'));
        await assert.rejects(connection.lookupDomainByName(text), { code: 'VIR_ERR_NO_DOMAIN' });
      }
    }));

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
