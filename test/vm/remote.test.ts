import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PodmanBootc } from '../../src/vm/client.js';
import { startVirtualMachine } from '../../src/vm/power/start.js';
import { stopVirtualMachine } from '../../src/vm/power/stop.js';
import { findVirtualMachine, stateOf } from '../../src/vm/virtual-machine.js';
import { FakeDaemon } from '../libvirt/fake-daemon.js';
import { rejectsWithCode } from '../support/rejects.js';
import { directoriesIn, temporaryDirectory } from '../support/temporary.js';
import { asRemote, openTestHost } from '../support/test-host.js';

describe('a libvirt of another host', () => {
  let daemon: FakeDaemon;
  let client: PodmanBootc;
  let root: string;

  before(async function () {
    root = temporaryDirectory(this);
    daemon = await FakeDaemon.start();
    const socket = new URL(daemon.uri.replace('test+unix:', 'http://x')).searchParams.get('socket') ?? '';
    const relay = `const s = require('net').connect('${socket}'); process.stdin.pipe(s).pipe(process.stdout)`;
    const ssh = join(root, 'ssh');
    writeFileSync(ssh, `#!/bin/sh\nexec '${process.execPath}' -e "${relay}"\n`);
    chmodSync(ssh, 0o755);
    client = await PodmanBootc.open({
      uri: `test+ssh://core@example.invalid/default?command=${ssh}&no_tty=1&socket=/run/there`,
      directories: { ...directoriesIn(root), mode: 0o711 },
    });
  });
  after(async () => {
    await client.close();
    await daemon.stop();
  });

  const refused: [operation: string, call: () => unknown][] = [
    ['run', () => client.run('localhost/os')],
    ['create', () => client.create('localhost/os')],
    ['rm', () => client.remove('web', { force: true })],
    ['ssh', () => client.openSession('web', ['id'])],
    ['cp', () => client.copy('web', { local: '/a', remote: 'b', direction: 'to-guest' })],
    ['ssh-config', () => client.sshConfig('web')],
    ['logs', () => client.consoleLog('web').next()],
    ['status', () => client.status('web')],
    ['wait --state ssh', () => client.waitFor('web', 'ssh')],
    ['wait --state ssh', () => client.waitUntilReady('web')],
    ['disk ls', () => client.bases()],
    ['disk prune', () => client.unusedBases()],
    ['disk prune', () => client.removeBase({ key: '00' })],
  ];
  for (const [operation, call] of refused) {
    it(`is refused for ${operation}, by that name, before anything is made or asked`, async () => {
      const error = await rejectsWithCode('LIBVIRT_REMOTE', call);
      assert.equal(error.failureClass, 'usage');
      assert.ok(
        error.message.startsWith(`Expected a libvirt of this host for \`${operation}\`,`),
        error.message,
      );
      assert.deepEqual(readdirSync(root), ['ssh']);
      assert.deepEqual(daemon.hanging, [], 'no call was made that it does not answer');
    });
  }

  it('starts and stops VMs without a look at what lies at their paths here', async function () {
    const { host, directory } = await openTestHost(this, [{ name: 'off', state: 'shut off' }]);
    const remote = asRemote(host);
    const files = directory('off');
    mkdirSync(files, { recursive: true });
    writeFileSync(join(files, 'console.log'), 'of a VM of this host\n');
    writeFileSync(join(files, 'journal.json'), JSON.stringify({ operation: 'transient', uri: host.uri }));
    const vm = await findVirtualMachine(remote, 'off');
    assert.equal((await startVirtualMachine(remote, vm)).started, true);
    assert.equal(await stateOf(vm), 'running');
    assert.equal(await stopVirtualMachine(remote, vm, { force: true }), 'forced off');
    assert.ok(!existsSync(join(files, 'boots')), 'no console was put aside');
    assert.ok(existsSync(join(files, 'journal.json')));
  });
});
