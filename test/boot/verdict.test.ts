import assert from 'node:assert/strict';
import { hasAddress } from '../../src/boot/addresses.js';
import { parseFailedUnits, parseServices, type SshdState } from '../../src/boot/services.js';
import {
  endVerdict,
  failureVerdict,
  portVerdict,
  refusedVerdict,
  servicesVerdict,
} from '../../src/boot/verdict.js';

const vm = { name: 'podman-bootc-abc', reference: 'abc' };

/** What `systemctl show` says of a unit. */
function unit(name: string, load: string, active: string, more = ''): string {
  return `Id=${name}\nLoadState=${load}\nActiveState=${active}\n${more}`;
}

/** The answer of a guest to the script, in which all units that are not named do not exist. */
function answer(system: string, units: string[], failed = ''): string {
  const absent = ['ssh.socket', 'sshd.socket'].map((name) => unit(name, 'not-found', 'inactive'));
  return `${system}\n${[...units, ...absent].join('\n\n')}\n@@failed\n${failed}`;
}

describe("a guest's services", () => {
  for (const [what, system, units, expected] of [
    ['runs', 'running', [unit('ssh.service', 'loaded', 'active')], { kind: 'running' }],
    ['listens on a socket', 'running', [unit('sshd.socket', 'loaded', 'active')], { kind: 'running' }],
    ['starts', 'starting', [unit('sshd.service', 'loaded', 'activating')], { kind: 'coming' }],
    ['is queued', 'starting', [unit('sshd.service', 'loaded', 'inactive', 'Job=77\n')], { kind: 'coming' }],
    ['may be pulled in yet', 'starting', [unit('sshd.service', 'loaded', 'inactive')], { kind: 'coming' }],
    [
      'failed',
      'degraded',
      [unit('sshd.service', 'loaded', 'failed', 'Result=exit-code\n')],
      { kind: 'failed', unit: 'sshd.service', result: 'exit-code' },
    ],
    [
      'is masked',
      'running',
      [unit('ssh.service', 'masked', 'inactive')],
      { kind: 'masked', unit: 'ssh.service' },
    ],
    [
      'is not enabled',
      'running',
      [unit('sshd.service', 'loaded', 'inactive')],
      { kind: 'not-started', unit: 'sshd.service' },
    ],
    [
      'is not enabled, beside a socket that is masked',
      'running',
      [unit('ssh.service', 'loaded', 'inactive'), unit('ssh.socket', 'masked', 'inactive')],
      { kind: 'not-started', unit: 'ssh.service' },
    ],
    [
      'is masked, beside a socket that is not enabled',
      'running',
      [unit('ssh.service', 'masked', 'inactive'), unit('ssh.socket', 'loaded', 'inactive')],
      { kind: 'masked', unit: 'ssh.service' },
    ],
    [
      'has a socket only, which is masked',
      'running',
      [unit('sshd.socket', 'masked', 'inactive')],
      { kind: 'masked', unit: 'sshd.socket' },
    ],
    ['is not there', 'running', [], { kind: 'absent' }],
  ] as const) {
    it(`say that sshd ${what}`, () => {
      const services = parseServices(answer(system, [...units]));
      assert.deepEqual(services.sshd, expected);
      assert.equal(services.system, system);
    });
  }

  it('name the units that failed, whatever marks them', () => {
    assert.deepEqual(
      parseServices(
        answer('degraded', [], 'a.service loaded failed failed A\n● b@x.service loaded failed failed B\n'),
      ).failedUnits,
      ['a.service', 'b@x.service'],
    );
    assert.deepEqual(parseFailedUnits('\u001b[31mevil\u0007\n'), []);
  });

  it('end a wait only when they will not change', () => {
    const verdict = (sshd: SshdState): string | undefined =>
      servicesVerdict(vm, { system: 'running', sshd, failedUnits: [] })?.code;
    assert.equal(verdict({ kind: 'coming' }), undefined);
    assert.equal(verdict({ kind: 'running' }), undefined);
    assert.equal(verdict({ kind: 'failed', unit: 'sshd.service', result: '' }), 'BOOT_UNIT_FAILED');
    for (const kind of ['masked', 'not-started'] as const)
      assert.equal(verdict({ kind, unit: 'u' }), 'BOOT_NO_SSHD');
    assert.equal(verdict({ kind: 'absent' }), 'BOOT_NO_SSHD');
  });
});

describe("a guest's addresses", () => {
  it('count when others can reach them', () => {
    const loopback = {
      name: 'lo',
      'ip-addresses': [{ 'ip-address': '127.0.0.1', 'ip-address-type': 'ipv4', prefix: 8 }],
    };
    const link = (...addresses: string[]): unknown => [
      loopback,
      { name: 'enp1s0', 'ip-addresses': addresses.map((address) => ({ 'ip-address': address })) },
    ];
    for (const nobody of [
      [],
      [loopback],
      [{ name: 'enp1s0' }],
      link('fe80::5054:ff:fe12:3456'),
      link('169.254.1.2'),
      null,
      {},
    ])
      assert.equal(hasAddress(nobody), false, JSON.stringify(nobody));
    for (const some of [link('10.0.2.15'), link('fe80::1', 'fec0::5054:ff:fe12:3456')])
      assert.equal(hasAddress(some), true, JSON.stringify(some));
  });
});

describe('a verdict', () => {
  it('tells the emergency of an initrd from that of the system', () => {
    const failure = { kind: 'emergency', words: 'Entering emergency mode' } as const;
    assert.match(failureVerdict(vm, failure).message, /is in emergency mode: /);
    assert.match(
      failureVerdict(vm, { ...failure, inInitrd: true }).message,
      /emergency mode of its initrd, and did not get to its root file system/,
    );
  });

  it('tells why a login was refused', () => {
    const refused = (
      user: string,
      keyOwner: string,
      tookCredential = true,
    ): ReturnType<typeof refusedVerdict> =>
      refusedVerdict(vm, { user, keyOwner, tookCredential }, 'the key was refused');
    assert.equal(refused('tester', 'root').code, 'LOGIN_WRONG_USER');
    assert.match(refused('tester', 'root').message, /for tester: it was handed to root/);
    assert.equal(refused('root', 'root', false).code, 'LOGIN_NO_CREDENTIAL');
    assert.match(refused('root', 'root', false).message, /older than 252/);
    assert.equal(refused('root', 'root').code, 'LOGIN_ROOT_FORBIDDEN');
    assert.match(refused('root', 'root').remedy, /podman-bootc console abc/);
    assert.equal(refused('tester', 'tester').code, 'LOGIN_USER_REFUSED');
    assert.equal(refused('root', 'root').failureClass, 'ssh');
  });

  it('tells a closed port from a network that is down, and names the unit that failed', () => {
    assert.match(
      portVerdict(vm, 'closed', undefined, 15.2).message,
      /port 22 is closed 15 s after it came up/,
    );
    assert.equal(portVerdict(vm, 'silent', undefined, 15).code, 'BOOT_NO_NETWORK');
    const failed = { kind: 'unit', unit: 'sshd.service', words: 'Failed to start sshd.service' } as const;
    assert.match(
      portVerdict(vm, 'closed', failed, 1).message,
      /because sshd.service failed \(Failed to start/,
    );
  });

  it("tells how a VM ended, from libvirt's words", () => {
    for (const [event, detail, words] of [
      ['stopped', 'shutdown', /shut itself down while it was booting \(kernel\)/],
      ['stopped', 'destroyed', /Somebody ended/],
      ['stopped', 'failed', /QEMU process .* ended unexpectedly/],
      ['crashed', 'panicked', /reported a panic/],
      ['stopped', 'migrated', /stopped, migrated/],
    ] as const)
      assert.match(endVerdict(vm, event, detail, 'kernel').message, words);
    assert.match(endVerdict(vm, 'stopped', 'shutdown', 'kernel').remedy, /start abc` boots it again/);
    const gone = endVerdict({ ...vm, transient: true }, 'stopped', 'shutdown', 'kernel').remedy;
    assert.match(gone, /without `transient`/);
    assert.doesNotMatch(gone, /podman-bootc (?:start|logs)/);
  });
});
