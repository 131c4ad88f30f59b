import assert from 'node:assert/strict';
import { loadAddon } from '../../../src/libvirt/load.js';
import type { Connection, Domain } from '../../../src/libvirt/index.js';
import { withDomain } from '../support.js';

/** As from JavaScript, where nobody checks types. */
function untyped(value: unknown): never {
  return value as never;
}

const cases: [string, (domain: Domain, connection: Connection) => Promise<unknown>][] = [
  [
    'Expected `screen` to be the number of a screen or undefined, got -1',
    (domain) => domain.screenshot({ screen: -1 }),
  ],
  ['Expected `memory` to be a positive safe integer in KiB, got -1', (domain) => domain.setMemory(-1)],
  ['Expected `memory` to be a positive safe integer in KiB, got 0', (domain) => domain.setMemory(0)],
  ['Expected `memory` to be a positive safe integer in KiB, got 1.5', (domain) => domain.setMemory(1.5)],
  ['Expected `memory` to be a positive safe integer in KiB, got NaN', (domain) => domain.setMemory(NaN)],
  ['Expected `memory` to be a positive safe integer in KiB, got 1e+300', (domain) => domain.setMemory(1e300)],
  [
    'Expected `memory` to be a positive safe integer in KiB, got 18446744073709551616n',
    (domain) => domain.setMemory(2n ** 64n),
  ],
  [
    "Expected `memory` to be a positive safe integer in KiB, got '1'",
    (domain) => domain.setMemory(untyped('1')),
  ],
  ['Expected `count` to be a number of processors from 1 to 65535, got 0', (domain) => domain.setVcpus(0)],
  [
    'Expected `count` to be a number of processors from 1 to 65535, got 4294967297',
    (domain) => domain.setVcpus(2 ** 32 + 1),
  ],
  [
    'Expected `maximum` to be a boolean or undefined, got 1',
    (domain) => domain.getVcpus({ maximum: untyped(1) }),
  ],
  ["Expected `name` to be a string without NUL characters, got 'a\\x00'", (domain) => domain.rename('a\0')],
  [
    'Expected `autostart` to be a boolean, got undefined',
    (domain) => domain.setAutostart(untyped(undefined)),
  ],
  [
    "Expected `mode` to be one of default, acpi, agent, got 'toString'",
    (domain) => domain.reboot({ mode: untyped('toString') }),
  ],
  ['Expected `codes` to be an array of 1 to 16 numbers, got []', (domain) => domain.sendKey([])],
  ['Expected `codes[1]` to be a key code from 0 to 65535, got -1', (domain) => domain.sendKey([1, -1])],
  [
    'Expected `holdTime` to be a number of milliseconds below 2^31, got 2147483648',
    (domain) => domain.sendKey([1], { holdTime: 2 ** 31 }),
  ],
  ['Expected `xml` to be a string, got undefined', (domain) => domain.attachDevice(untyped(undefined))],
  [
    'Expected `force` to be a boolean or undefined, got null',
    (domain) => domain.updateDevice('<a/>', { force: untyped(null) }),
  ],
  ['Expected `alias` to be a string, got 5', (domain) => domain.detachDeviceByAlias(untyped(5))],
  [
    'Expected `command` to be an object with `execute`, a string, got null',
    (domain) => domain.agentCommand(untyped(null)),
  ],
  [
    "Expected `command` to be an object with `execute`, a string, got 'guest-ping'",
    (domain) => domain.agentCommand(untyped('guest-ping')),
  ],
  [
    'Expected `timeout` to be a whole number of seconds, Infinity or undefined, got -2',
    (domain) => domain.agentCommand({ execute: 'guest-ping' }, { timeout: -2 }),
  ],
  [
    "Expected `source` to be one of lease, agent, arp, got 'dns'",
    (domain) => domain.interfaceAddresses({ source: untyped('dns') }),
  ],
  [
    'Expected `types` to be an array of names that is not empty, or undefined, got []',
    (domain) => domain.getGuestInfo({ types: [] }),
  ],
  ['Expected `disk` to be a string, got {}', (domain) => domain.getBlockInfo(untyped({}))],
  [
    'Expected `size` to be a positive safe integer in bytes, got -1n',
    (domain) => domain.resizeBlock('vda', -1n),
  ],
  [
    'Expected `bandwidth` to be a safe integer in bytes per second, got -1',
    (domain) => domain.blockCommit('vda', { bandwidth: -1 }),
  ],
  [
    'Expected `base` to be a string or undefined, got 1',
    (domain) => domain.blockCommit('vda', { base: untyped(1) }),
  ],
  [
    'Expected `pivot` to be a boolean or undefined, got 1',
    (domain) => domain.abortBlockJob('vda', { pivot: untyped(1) }),
  ],
  [
    'Expected `completed` to be a boolean or undefined, got 1',
    (domain) => domain.getJob({ completed: untyped(1) }),
  ],
  [
    'Expected `validate` to be a boolean or undefined, got 1',
    (domain) => domain.createSnapshot('<a/>', { validate: untyped(1) }),
  ],
  ['Expected `name` to be a string, got null', (domain) => domain.lookupSnapshot(untyped(null))],
  ['Expected `options` to be an object, got null', (domain) => domain.listSnapshots(untyped(null))],
  [
    "Expected `types[0]` to be one of state, cpu, memory, vcpus, interfaces, disks, perf, iothreads, memoryBandwidth, dirtyRate, vm, got 'x'",
    (_, connection) => connection.getAllDomainStats({ types: [untyped('x')] }),
  ],
  [
    'Expected `active` to be a boolean or undefined, got 0',
    (_, connection) => connection.getAllDomainStats({ active: untyped(0) }),
  ],
];

describe("A wrong argument of a domain's call", () => {
  for (const [message, action] of cases)
    it(`rejects with "${message}"`, () =>
      withDomain(async (domain, connection) => {
        await assert.rejects(action(domain, connection), { name: 'TypeError', message });
      }));

  it('that gets past the checks is refused by the addon', () =>
    withDomain(async () => {
      const addon = loadAddon();
      const connection = await addon.connectionOpen('test:///default', false, () => undefined, 0);
      const { handle } = await addon.connectionLookupDomainByName(connection, 'test', 0);
      for (const size of [5, -1n, 2n ** 64n, '1'])
        assert.throws(() => addon.domainSetMemory(handle, untyped(size), 0, 0), { name: 'TypeError' });
      for (const codes of [5, ['x'], [1, {}]])
        assert.throws(() => addon.domainSendKey(handle, 0, 0, untyped(codes), 0, 0), { name: 'TypeError' });
      await assert.rejects(addon.domainSendKey(handle, 0, 0, new Array<number>(99).fill(1), 0, 0), {
        kind: 'libvirt',
      });
      await addon.connectionClose(connection, 0);
    }));
});
