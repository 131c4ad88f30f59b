import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { host, podmanBootc, soon, succeed } from './support/cli.js';
import { assertNoTraces, traces } from './support/leftovers.js';

const image = 'localhost/podman-bootc-demo:latest';

describe('the SSH port', () => {
  const state = process.env.TESTBED_STATE ?? '';
  const hook = join(state, 'hooks', 'qemu');
  const pidFile = join(state, 'thief.pid');
  let initial: Record<string, string[]>;

  before(() => {
    initial = traces();
  });

  after(async () => {
    rmSync(hook, { force: true });
    if (existsSync(pidFile)) process.kill(Number(readFileSync(pidFile, 'utf8')));
    await podmanBootc('rm', '--force', '--all');
    assertNoTraces(initial);
  });

  it('is another one when a process takes it between our look and QEMU', async () => {
    // Libvirt runs this hook just before QEMU: the one moment that no look of ours can cover.
    writeFileSync(
      hook,
      `#!/bin/bash
[[ $2 == prepare && ! -e ${pidFile} ]] || exit 0
port=$(grep -o '127\\.0\\.0\\.1:[0-9]*-:22' | grep -o ':[0-9]*-' | tr -d ':-')
setsid ${process.execPath} -e "require('net').createServer().listen($port, '127.0.0.1')" </dev/null >/dev/null 2>&1 &
echo $! > ${pidFile}
until ss -ltnH | grep -q "127.0.0.1:$port "; do sleep 0.05; done
`,
      { mode: 0o755 },
    );
    const outcome = await podmanBootc('run', ...soon, '--name', 'robbed', image, 'echo up');
    assert.equal(outcome.stdout, 'up\n', outcome.stderr);
    assert.ok(existsSync(pidFile), 'the thief was there');
    const [, stolen] = /Port (\d+) is taken by another process/.exec(outcome.stderr) ?? [];
    const [vm] = JSON.parse(await succeed('list', '--format', 'json')) as { ssh: { port: number } }[];
    assert.notEqual(String(vm?.ssh.port), stolen);
    assert.match(host('virsh', 'dumpxml', 'robbed'), new RegExp(`127\\.0\\.0\\.1:${vm?.ssh.port ?? 0}-:22`));
  });
});
