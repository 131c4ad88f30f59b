import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { host, podmanBootc, soon, succeed } from './support/cli.js';

const image = 'localhost/podman-bootc-demo:latest';

describe('a libvirt that knows passt (11.3)', () => {
  let uri: string;
  const virsh = (...args: string[]): string => host('virsh', '-c', uri, ...args);

  before(() => {
    uri = host('test/testbed/newer-libvirt', 'start', 'system').trim();
  });

  after(async () => {
    await podmanBootc('rm', '--connect', uri, '--force', '--all');
    assert.equal(virsh('-q', 'list', '--all').trim(), '');
    host('test/testbed/newer-libvirt', 'stop');
  });

  it('forwards SSH by passt, natively in the domain and on 127.0.0.1 only', async () => {
    const outcome = await podmanBootc('run', '--connect', uri, ...soon, '--name', 'passed', image, 'echo up');
    assert.equal(outcome.stdout, 'up\n', outcome.stderr);
    const xml = virsh('dumpxml', 'passed');
    assert.match(xml, /<backend type='passt'/);
    assert.doesNotMatch(xml, /qemu:commandline/);
    const [vm] = JSON.parse(await succeed('list', '--connect', uri, '--format', 'json')) as {
      ssh: { port: number };
    }[];
    const port = vm?.ssh.port ?? 0;
    const listening = host('ss', '-ltnpH')
      .split('\n')
      .filter((line) => line.includes(`:${port} `));
    assert.equal(listening.length, 1);
    assert.match(listening[0] ?? '', new RegExp(` 127\\.0\\.0\\.1:${port} .*passt`));
    await succeed('stop', '--connect', uri, 'passed');
  });

  it('falls back to the user network of QEMU when passt cannot be run, and says so', async () => {
    const pid = readFileSync(
      join(process.env.TESTBED_STATE ?? '', 'newer-libvirt', 'daemon.pid'),
      'utf8',
    ).trim();
    const hide = (...args: string[]): string =>
      host('nsenter', '--target', pid, '--mount', '/usr/bin/' + (args[0] ?? ''), ...args.slice(1));
    hide('mount', '--bind', '/dev/null', '/usr/bin/passt');
    try {
      const outcome = await podmanBootc(
        'run',
        '--connect',
        uri,
        ...soon,
        '--name',
        'passed',
        image,
        'echo up',
      );
      assert.equal(outcome.stdout, 'up\n', outcome.stderr);
      assert.match(outcome.stderr, /passt did not work/);
      assert.match(virsh('dumpxml', 'passed'), /hostfwd=tcp:127\.0\.0\.1:/);
    } finally {
      hide('umount', '/usr/bin/passt');
    }
  });
});
