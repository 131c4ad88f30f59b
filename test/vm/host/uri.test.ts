import assert from 'node:assert/strict';
import { localDaemon, readUri } from '../../../src/vm/host/uri.js';

describe('a libvirt URI', () => {
  const cases: [uri: string, isLocal: boolean, isSession?: boolean][] = [
    ['qemu:///session', true, true],
    ['qemu:///session?socket=/run/x', true, true],
    ['qemu+unix:///session', true, true],
    ['qemu:///system', true],
    ['qemu+unix:///system?socket=/run/libvirt/libvirt-sock', true],
    ['qemu:///embed?root=/tmp/x', true],
    ['test:///default', true],
    ['test:///session', true, true],
    ['test:///tmp/node.xml', true],
    ['qemu://host/system', false],
    ['qemu://host/session', false],
    ['qemu+ssh://me@host:2222/system?no_tty=1', false],
    ['qemu+ssh:///system', false],
    ['qemu+ssh://localhost/system', false],
    ['qemu+libssh2://host/system', false],
    ['qemu+tcp://127.0.0.1:16509/system', false],
    ['qemu+tls://[::1]/system', false],
    ['qemu+ext:///system?command=/bin/x', false],
    ['test+tcp://127.0.0.1/default', false],
    ['esx://host/?no_verify=1', false],
    ['nonsense', false],
  ];
  for (const [uri, isLocal, isSession = false] of cases) {
    it(`${uri} is ${isLocal ? 'this host' : 'another host'}${isSession ? ', as this user' : ''}`, () => {
      assert.deepEqual(readUri(uri), { isLocal, isSession });
    });
  }
});

describe("this host's daemon that a libvirt URI means", () => {
  const cases: [uri: string, user: 'system' | 'session' | undefined, root: 'system' | undefined][] = [
    ['qemu:///system', 'system', 'system'],
    ['qemu+unix:///system?socket=/run/libvirt/libvirt-sock', 'system', 'system'],
    ['qemu:///session', 'session', 'system'],
    ['qemu+unix:///session', 'session', 'system'],
    ['qemu:///embed?root=/srv/session', undefined, undefined],
    ['qemu+ssh://host/system', undefined, undefined],
    ['qemu://host/system', undefined, undefined],
    ['test:///default', undefined, undefined],
    ['', undefined, undefined],
  ];
  for (const [uri, user, root] of cases) {
    it(`is ${user ?? 'none'} for ${uri}, and ${root ?? 'none'} for root`, () => {
      assert.equal(localDaemon(uri, false), user);
      assert.equal(localDaemon(uri, true), root);
    });
  }
});
