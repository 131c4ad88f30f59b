import assert from 'node:assert/strict';
import { loadAddon } from '../../../src/libvirt/load.js';
import { Connection, Domain, DomainSnapshot } from '../../../src/libvirt/index.js';
import { withDomain } from '../support.js';

type AnyFunction = (...args: unknown[]) => unknown;

/** Those of the class and of the classes it is made of. */
function methods({ prototype }: { prototype: object }): [string, AnyFunction][] {
  if (prototype === Object.prototype) return [];
  const own = Object.entries(Object.getOwnPropertyDescriptors(prototype)).flatMap<[string, AnyFunction]>(
    ([name, { value }]) =>
      typeof value === 'function' && name !== 'constructor' ? [[name, value as AnyFunction]] : [],
  );
  return [...own, ...methods({ prototype: Object.getPrototypeOf(prototype) as object })];
}

/** Arguments that only a wrong receiver makes wrong. */
function argumentsOf(name: string): unknown[] {
  if (name === 'sendKey') return [[30]];
  if (name === 'setAutostart') return [true];
  if (/^set(Memory|Vcpus)$/.test(name)) return [1];
  if (name === 'resizeBlock') return ['vda', 1];
  if (name === 'agentCommand') return [{ execute: 'x' }];
  if (name === 'call') return [{}, () => undefined];
  return name.endsWith('Metadata') ? ['x', { key: 'k', uri: 'x:y' }] : takesText.test(name) ? ['x'] : [];
}

const takesText =
  /^(lookup|define|rename|(at|de)tachDevice|updateDevice|getBlock|block|abortBlock|createSnapshot)/;

/** An object that inherits from a real one without being one. */
function derive(prototype: object): unknown {
  return Object.create(prototype);
}

/** Asserts that it throws or rejects; the other arguments are such that only the receiver is wrong. */
async function assertRefuses(name: string, action: () => unknown): Promise<void> {
  await assert.rejects(
    async () => {
      await action();
    },
    { name: 'TypeError' },
    `${name} took a wrong receiver`,
  );
}

describe('A wrong receiver', () => {
  it('is refused by each method of a connection and a domain', () =>
    withDomain(async (domain, connection) => {
      const others: unknown[] = [undefined, 5, {}, derive(Connection.prototype), derive(Domain.prototype)];
      const args = [() => undefined, { key: 'k', uri: 'x:y' }];
      for (const receiver of [...others, domain])
        for (const [name, method] of methods(Connection)) {
          const first = /^(lookup|define)/.test(name) ? ['x'] : name.startsWith('on') ? args : [];
          await assertRefuses(name, () => method.apply(receiver, first));
        }
      for (const receiver of [...others, connection])
        for (const [name, method] of methods(Domain)) {
          await assertRefuses(name, () => method.apply(receiver, argumentsOf(name)));
        }
      for (const receiver of [...others, domain, derive(DomainSnapshot.prototype)])
        for (const [name, method] of methods(DomainSnapshot))
          await assertRefuses(name, () => method.apply(receiver, []));
    }));

  it('is refused by each function of the addon, whatever it is', async () => {
    const addon = loadAddon();
    const connection = await addon.connectionOpen('test:///default', false, () => undefined, 0);
    const { handle: domain } = await addon.connectionLookupDomainByName(connection, 'test', 0);
    const arbitrary = [undefined, null, 5, 'x', {}, [], () => undefined, Symbol('x'), 5n, Buffer.alloc(8)];
    const derived = [connection, domain].flatMap((handle) => [derive(handle), new Proxy(handle, {})]);
    for (const [name, value] of Object.entries(addon)) {
      const takes = name.startsWith('domain') ? domain : connection;
      const wrong = takes === domain ? connection : domain;
      if (!/^(domain|connection(?!Open)|(un)?subscribe)/.test(name)) continue;
      for (const receiver of [...arbitrary, ...derived, wrong])
        await assertRefuses(name, () => (value as AnyFunction)(receiver, 0, 0, 0, 0, 0, 0));
    }
    await addon.connectionClose(connection, 0);
  });

  it('is not the only argument that each function of the addon checks', async () => {
    const addon = loadAddon();
    const connection = await addon.connectionOpen('test:///default', false, () => undefined, 0);
    const { handle: domain } = await addon.connectionLookupDomainByName(connection, 'test', 0);
    for (const [name, value] of Object.entries(addon)) {
      const receiver = name.startsWith('domain')
        ? [domain]
        : /^(connection(?!Open)|.*ubscribe)/.test(name)
          ? [connection]
          : [];
      if (name === 'domainClose') continue;
      const wrong = Symbol('wrong');
      await assertRefuses(name, () => (value as AnyFunction)(...receiver));
      await assertRefuses(name, () =>
        (value as AnyFunction)(...receiver, wrong, wrong, wrong, wrong, wrong, wrong),
      );
    }
    await addon.connectionClose(connection, 0);
  });
});
