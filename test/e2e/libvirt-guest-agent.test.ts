import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type Connection, type Domain } from '../../src/libvirt/index.js';
import { withoutInstalling } from './support/base-disk.js';
import { podmanBootc, succeed } from './support/cli.js';
import { assertNoTraces, traces } from './support/leftovers.js';

const image = 'localhost/podman-bootc-demo:latest';
const name = 'agent';

/** What the binding gets from QEMU's guest agent, in a guest that runs the real one (Debian's qemu-guest-agent). */
describe("the binding's guest agent, answering", () => {
  let initial: Record<string, string[]>;
  let connection: Connection;
  let domain: Domain;
  let listening: Promise<void>;
  const seen: string[] = [];

  const heard = async (what: string): Promise<void> => {
    const deadline = Date.now() + 480_000;
    while (!seen.includes(what)) {
      assert.ok(Date.now() < deadline, `Waited in vain for ${what}; there were: ${seen.join(', ')}`);
      await sleep(50);
    }
  };

  /** A guest under emulation may take its time for an answer. */
  const patient = { timeout: 120 };

  const agent = (execute: string, args?: Record<string, unknown>): Promise<unknown> =>
    domain.agentCommand({ execute, arguments: args }, patient);

  /** Runs a command in the guest. @returns its stdout */
  const inGuest = async (path: string, ...arg: string[]): Promise<{ exitcode: number; output: Buffer }> => {
    const { pid } = (await agent('guest-exec', { path, arg, 'capture-output': true })) as { pid: number };
    for (;;) {
      const status = (await agent('guest-exec-status', { pid })) as {
        exited: boolean;
        exitcode: number;
        'out-data'?: string;
      };
      if (status.exited)
        return { exitcode: status.exitcode, output: Buffer.from(status['out-data'] ?? '', 'base64') };
      await sleep(50);
    }
  };

  before(async () => {
    initial = traces();
    await withoutInstalling(image);
    await succeed('create', '--firmware', 'bios', '--hostname', name, '--name', name, image);
    connection = await connect('qemu:///system');
    domain = await connection.lookupDomainByName(name);
    const events = connection.domainEvents({ domain, events: ['agent-lifecycle'] });
    await events.ready();
    listening = (async () => {
      for await (const event of events)
        if (event.type === 'agent-lifecycle') seen.push(`${event.state} (${event.reason})`);
    })();
    await domain.create();
  });

  after(async () => {
    await podmanBootc('rm', '--force', name);
    await podmanBootc('disk', 'prune', '--all');
    await connection.close();
    await listening;
    assertNoTraces(initial);
  });

  it('is announced when the guest opens its channel', async () => {
    await heard('connected (channel)');
    assert.match(await domain.getXml(), /name='org\.qemu\.guest_agent\.0' state='connected'/);
  });

  it('answers commands, with what they return and in whole', async () => {
    assert.deepEqual(await agent('guest-ping'), {});
    const info = (await agent('guest-info')) as { version: string; supported_commands: { name: string }[] };
    assert.match(info.version, /^\d+\.\d+/);
    assert.ok(info.supported_commands.some(({ name }) => name === 'guest-exec'));
    // By default it is libvirt that decides how long to wait.
    assert.deepEqual(await domain.agentCommand({ execute: 'guest-ping' }), {});
    assert.deepEqual(await domain.agentCommand({ execute: 'guest-ping' }, { timeout: Infinity }), {});
  });

  it('runs commands of the guest, and takes text of any kind to them and back', async () => {
    const text = 'a "quoted" \\ line\n\t€ ✓ 𝄞 \x7f';
    assert.deepEqual(await inGuest('/bin/printf', '%s', text), { exitcode: 0, output: Buffer.from(text) });
    assert.equal((await inGuest('/bin/false')).exitcode, 1);
    // Longer than what libvirt's messages have room for to begin with.
    const { output } = await inGuest('/bin/sh', '-c', 'head -c 1000000 /dev/zero');
    assert.ok(output.equals(Buffer.alloc(1_000_000)), `${output.length} bytes`);
  });

  it('refuses with its own words what it does not know', async () => {
    await assert.rejects(agent('guest-make-coffee'), {
      name: 'LibvirtError',
      code: /^VIR_ERR_(INTERNAL_ERROR|AGENT_COMMAND_FAILED)$/,
      message: /guest-make-coffee/,
    });
    await assert.rejects(agent('guest-exec', { path: '/no/such/program' }), { name: 'LibvirtError' });
  });

  it("tells the guest's addresses, those of its loopback too", async () => {
    const interfaces = await domain.interfaceAddresses({ source: 'agent' });
    const loopback = interfaces.find(({ name }) => name === 'lo');
    assert.ok(
      loopback?.addresses.some(
        ({ family, address, prefix }) => family === 'ipv4' && address === '127.0.0.1' && prefix === 8,
      ),
      JSON.stringify(interfaces),
    );
    const [, mac] = /mac address='([^']+)'/.exec(await domain.getXml()) ?? [];
    const outward = interfaces.find((each) => each.name !== 'lo');
    assert.ok(outward);
    // slirp's network is set by a command line of QEMU's, and then the definition does not know the card.
    assert.match(
      outward.mac ?? '',
      mac === undefined ? /^52:54:00(:[0-9a-f]{2}){3}$/ : new RegExp(`^${mac}$`),
    );
  });

  it('tells who the guest is: system, name, clock, users, disks, file systems and interfaces', async () => {
    const { os, hostname, timezone, users, filesystems, disks, interfaces } = await domain.getGuestInfo();
    assert.equal(os?.id, 'debian');
    assert.equal(os.versionId, '12');
    assert.match(os.prettyName ?? '', /^Debian GNU\/Linux 12/);
    assert.match(os.kernelRelease ?? '', /^\d+\.\d+\./);
    assert.equal(os.machine, 'x86_64');
    assert.equal(hostname, name);
    assert.equal(hostname, await domain.getHostname({ source: 'agent' }));
    assert.deepEqual(timezone, { name: 'UTC', offset: 0 });
    assert.deepEqual(users, [], 'nobody has logged in');
    const root = filesystems.find(({ mountpoint }) => mountpoint === '/sysroot');
    assert.equal(root?.type, 'ext4');
    assert.ok((root.used ?? 0n) > 0n && (root.total ?? 0n) > (root.used ?? 0n), 'bytes, as bigint');
    assert.equal(root.disks[0]?.alias, 'vda');
    assert.ok(disks.some(({ name, partition }) => name === '/dev/vda2' && partition === true));
    assert.ok(disks.some(({ name, alias }) => name === '/dev/vda' && alias === 'vda'));
    assert.ok(
      interfaces.some(({ addresses }) =>
        addresses.some(({ family, address }) => family === 'ipv4' && address === '127.0.0.1'),
      ),
    );
  });

  it('tells only what is asked for', async () => {
    const info = await domain.getGuestInfo({ types: ['hostname', 'timezone'] });
    assert.equal(info.hostname, name);
    assert.equal(info.os, undefined);
    assert.deepEqual([info.users, info.filesystems, info.disks, info.interfaces], [[], [], [], []]);
  });

  it('counts the processors that the guest uses, and takes some of them away', async () => {
    const count = await domain.getVcpus({ guest: true });
    assert.equal(count, await domain.getVcpus({ live: true }));
    assert.ok(count > 1);
    await domain.setVcpus(1, { guest: true });
    assert.equal(await domain.getVcpus({ guest: true }), 1);
    assert.equal((await inGuest('/usr/bin/nproc')).output.toString(), '1\n');
  });

  it('has answers that can be given up, and answers on', async () => {
    const abort = new AbortController();
    const reason = new Error('enough');
    const asked = domain.agentCommand({ execute: 'guest-get-fsinfo' }, { ...patient, signal: abort.signal });
    abort.abort(reason);
    await assert.rejects(asked, reason);
    assert.deepEqual(await agent('guest-ping'), {});
  });

  it('answers one after the other when it is asked many things at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => domain.agentCommand({ execute: 'guest-get-host-name' }, patient)),
    );
    assert.deepEqual(
      answers,
      answers.map(() => ({ 'host-name': name })),
    );
  });

  it('shuts the guest down, and is announced to be gone', async () => {
    await domain.shutdown({ mode: 'agent' });
    await heard('disconnected (channel)');
    await succeed('wait', '--state', 'stopped', name);
    await assert.rejects(domain.agentCommand({ execute: 'guest-ping' }), {
      code: 'VIR_ERR_OPERATION_INVALID',
    });
  });
});
