import assert from 'node:assert/strict';
import { buildDomain } from '../../src/domain/build.js';
import { readDomain, withSlirp, withSshPort } from '../../src/domain/edit.js';
import {
  checkPortsDistinct,
  checkPublishedPort,
  parsePort,
  portText,
  type PublishedPort,
} from '../../src/domain/ports.js';
import { rejectsWithCode } from '../support/rejects.js';
import { metadata } from './support.js';
import { specification } from './variants.js';

const ports = ['8080:80', '127.0.0.1:5353:53/udp', '0.0.0.0:8443:443', '2200:22'].map((word) =>
  parsePort(word),
);

describe('published ports', () => {
  for (const [word, expected] of Object.entries<PublishedPort>({
    '8080:80': { protocol: 'tcp', address: '127.0.0.1', hostPort: 8080, guestPort: 80 },
    '8080:80/tcp': { protocol: 'tcp', address: '127.0.0.1', hostPort: 8080, guestPort: 80 },
    '5353:53/udp': { protocol: 'udp', address: '127.0.0.1', hostPort: 5353, guestPort: 53 },
    '0.0.0.0:65535:1': { protocol: 'tcp', address: '0.0.0.0', hostPort: 65535, guestPort: 1 },
    '192.0.2.1:1:65535/udp': { protocol: 'udp', address: '192.0.2.1', hostPort: 1, guestPort: 65535 },
  })) {
    it(`are read from ${word}`, () => {
      assert.deepEqual(parsePort(word), expected);
      assert.deepEqual(parsePort(portText(expected)), expected);
    });
  }

  for (const word of [
    '',
    '80',
    ':80',
    '8080:',
    '8080:80/sctp',
    '8080:80/',
    '0:80',
    '8080:0',
    '65536:80',
    '8080:65536',
    '-1:80',
    'web:80',
    'localhost:8080:80',
    '1.2.3:8080:80',
    '[::1]:8080:80',
    '::1:8080:80',
    '8080:80,9090:90',
    '8080:80 ',
    '0x1f90:80',
    '127.0.0.1:8080:80,hostfwd=tcp::1-:1',
  ]) {
    it(`are not read from ${JSON.stringify(word)}`, async () => {
      const error = await rejectsWithCode('PORT_INVALID', () => parsePort(word));
      assert.match(error.message, /^Expected .*`ports` .*, got /);
      assert.ok(error.remedy);
    });
  }

  it('of a library user are held to the same', async () => {
    for (const wrong of [{ hostPort: 0 }, { guestPort: 1.5 }, { address: 'x,y' }, { protocol: 'sctp' }]) {
      const port = { ...parsePort('1:1'), ...wrong } as PublishedPort;
      await rejectsWithCode('PORT_INVALID', () => {
        checkPublishedPort(port);
      });
    }
  });

  for (const [words, conflict] of [
    [['8080:80', '8080:81'], true],
    [['8080:80', '0.0.0.0:8080:80'], true],
    [['0.0.0.0:8080:80', '192.0.2.1:8080:80'], true],
    [['127.0.0.1:8080:80', '192.0.2.1:8080:80'], false],
    [['8080:80', '8080:80/udp'], false],
    [['8080:80', '8081:80'], false],
  ] as const) {
    it(`${words.join(' and ')} ${conflict ? 'exclude each other' : 'go together'}`, async () => {
      const check = (): void => {
        checkPortsDistinct(words.map((word) => parsePort(word)));
      };
      if (conflict)
        assert.match((await rejectsWithCode('PORT_CONFLICT', check)).message, new RegExp(words.join('|')));
      else check();
    });
  }

  for (const network of ['slirp', 'passt'] as const) {
    const built = (): string => buildDomain(specification({ network, metadata: { ...metadata, ports } }));

    it(`are found in a domain with ${network}, and the SSH port is none of them`, () => {
      const read = readDomain(built());
      assert.deepEqual(read.ports, ports);
      assert.deepEqual(read.metadata?.ports, ports);
      assert.equal(read.sshPort, 2222);
    });

    it(`stay where they are when the SSH port of a domain with ${network} moves`, () => {
      const moved = readDomain(withSshPort(built(), 3333));
      assert.deepEqual(moved.ports, ports);
      assert.equal(moved.sshPort, 3333);
    });
  }

  it('are found where they were changed with virsh, whatever our record says', () => {
    const xml = buildDomain(specification({ metadata: { ...metadata, ports } }));
    const changed = readDomain(xml.replace('tcp:127.0.0.1:8080-:80', 'tcp::9090-:90'));
    assert.deepEqual(changed.ports[0], {
      protocol: 'tcp',
      address: '0.0.0.0',
      hostPort: 9090,
      guestPort: 90,
    });
  });

  it('go along when passt is replaced by slirp', () => {
    const changed = readDomain(
      withSlirp(buildDomain(specification({ network: 'passt', metadata: { ...metadata, ports } }))),
    );
    assert.deepEqual([changed.usesPasst, changed.ports], [false, ports]);
  });

  it('cannot take the SSH port', async () => {
    await rejectsWithCode('PORT_CONFLICT', () =>
      buildDomain(specification({ metadata: { ...metadata, ports: [parsePort('2222:80')] } })),
    );
  });
});
