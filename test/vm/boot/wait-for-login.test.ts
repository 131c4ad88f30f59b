import assert from 'node:assert/strict';
import { appendFileSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import type { Progress } from '../../../src/report.js';
import { bootStatus } from '../../../src/vm/boot/status.js';
import type { Host } from '../../../src/vm/host/host.js';
import { directoryOf, findVirtualMachine, type VirtualMachine } from '../../../src/vm/virtual-machine.js';
import { waitUntilReady } from '../../../src/vm/boot/wait-for-login.js';
import { generateKeyPair } from '../../../src/ssh/keys.js';
import { projectRoot } from '../../support/project.js';
import { rejectsWithCode } from '../../support/rejects.js';
import { openTestHost } from '../../support/test-host.js';

const fixture = (name: string): string => join(projectRoot, 'test', 'boot', 'fixtures', `${name}.console`);

describe('waiting for a login', () => {
  let host: Host;
  let vm: VirtualMachine;
  let log: string;
  /** Where a guest's sshd would be; accepts and says nothing, as user-mode networks do while a guest boots. */
  let server: Server;
  const progress: Progress[] = [];

  beforeEach(async function () {
    ({ host } = await openTestHost(this, [{ name: 'web' }]));
    host.report.progress = (event) => progress.push(event);
    progress.length = 0;
    server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const found = await findVirtualMachine(host, 'web');
    const { port } = server.address() as AddressInfo;
    vm = { ...found, metadata: { ...found.metadata, ssh: { ...found.metadata.ssh, port } } };
    const directory = directoryOf(vm);
    assert.ok(directory);
    log = directory.consoleLog;
    mkdirSync(dirname(log), { recursive: true });
    await generateKeyPair(directory.identity, 'test');
    writeFileSync(directory.knownHosts, '');
  });

  afterEach(() => {
    server.close();
  });

  it('ends with what the console says, as soon as it says so', async () => {
    writeFileSync(log, '');
    const wait = waitUntilReady(host, vm);
    const failed = rejectsWithCode('BOOT_PANIC', () => wait);
    appendFileSync(log, readFileSync(fixture('panic')));
    const error = await failed;
    assert.match(error.message, /^The kernel of web panicked: "Kernel panic - not syncing: Requested init/);
    assert.match(error.output ?? '', /^Last lines of the console:\n[^]*end Kernel panic/);
    const stages = progress.flatMap((event) => (event.type === 'stage' ? [event.stage] : []));
    assert.deepEqual(stages, ['firmware', 'boot-loader']);
    assert.ok(progress.some((event) => event.type === 'console' && event.text.includes('Call Trace')));
  });

  it('forgives a failure after which the guest was reset', async () => {
    writeFileSync(log, Buffer.concat([readFileSync(fixture('panic')), readFileSync(fixture('quiet'))]));
    const error = await rejectsWithCode('SSH_TIMEOUT', () => waitUntilReady(host, vm, { timeout: 1500 }));
    assert.match(error.message, /within 1\.\d s: .*; the boot of web had reached: systemd$/);
  });

  it('ends with the VM, and says how libvirt knows it ended', async () => {
    copyFileSync(fixture('quiet'), log);
    const wait = waitUntilReady(host, vm);
    const failed = rejectsWithCode('VM_DIED', () => wait);
    await new Promise((resolve) => server.once('connection', resolve));
    await vm.domain.destroy();
    const error = await failed;
    assert.match(error.message, /^Somebody ended web while it was booting \(systemd\)$/);
    assert.match(error.output ?? '', /localhost login:/);
    await rejectsWithCode('VM_DIED', () => waitUntilReady(host, vm));
  });

  it('gives up after the time-out where there is no console, and when it is interrupted', async () => {
    const error = await rejectsWithCode('SSH_TIMEOUT', () => waitUntilReady(host, vm, { timeout: 500 }));
    assert.match(error.message, /had reached: firmware/);
    const abort = new AbortController();
    const wait = waitUntilReady(host, vm, { signal: abort.signal });
    abort.abort(new Error('interrupted'));
    await assert.rejects(wait, /interrupted/);
  });

  it('is told apart from a look at how things stand', async () => {
    copyFileSync(fixture('emergency'), log);
    const status = await bootStatus(host, vm);
    assert.deepEqual([status.state, status.stage, status.ssh], ['running', 'systemd', undefined]);
    assert.equal(status.verdict?.code, 'BOOT_EMERGENCY');
    assert.ok(status.started);
    // How long it was waited for tells a slow host from a guest that is silent.
    assert.equal(status.silence?.problem, 'no SSH banner came');
    assert.ok(Math.abs(status.silence.seconds - 3) < 1, `${status.silence.seconds} s`);
    server.on('connection', (socket) => socket.end('SSH-2.0-Test\r\n'));
    const healthy = await bootStatus(host, vm);
    assert.deepEqual([healthy.stage, healthy.ssh, healthy.verdict], ['ssh', 'SSH-2.0-Test', undefined]);
  });
});
