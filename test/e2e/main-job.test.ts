import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PodmanBootc } from '../../src/index.js';
import { host, podmanBootc, start, startCli, succeed, until } from './support/cli.js';
import { assertNoTraces, disks, traces, vms } from './support/leftovers.js';

const image = 'localhost/podman-bootc-demo:latest';

describe('the main job: image to SSH prompt', function () {
  let initial: Record<string, string[]>;
  let id: string;
  let uuid: string;
  let port: number;
  const directory = (): string => join(vms, uuid);

  before(async () => {
    initial = traces();
    id = (await succeed('run', '--background', image)).trim();
    uuid = host('virsh', 'domuuid', `podman-bootc-${id}`).trim();
    port =
      (JSON.parse(await succeed('list', '--format', 'json')) as { ssh: { port: number } }[])[0]?.ssh.port ??
      0;
  });

  after(async () => {
    await podmanBootc('rm', '--force', '--all');
    assertNoTraces(initial);
  });

  it("gives the unnamed VM of an image the image's short ID, and prints it", () => {
    const imageId = host('podman', 'image', 'inspect', '--format', '{{.Id}}', image).trim();
    assert.equal(id, imageId.slice(0, 12));
    assert.equal(uuid.replaceAll('-', ''), imageId.slice(0, 32));
  });

  it('refuses a name by which somebody could mean it', async () => {
    for (const [name, why] of [
      [id.slice(0, 4), /is the beginning of another VM's ID/],
      [id, /takes for an ID/],
    ] as const) {
      const outcome = await podmanBootc('create', '--name', name, image);
      assert.deepEqual([outcome.exitCode, outcome.stdout], [2, '']);
      assert.match(outcome.stderr, why);
    }
  });

  it('logs in with the key, after the CLI that started the VM has ended', async () => {
    assert.match(await succeed('ssh', id, 'cat /etc/os-release; id -un'), /Debian[^]*\nroot\n$/);
  });

  it('has pinned the host key that it handed to the guest before the first connection', async () => {
    const ours = readFileSync(join(directory(), 'ssh_host_ed25519_key.pub'), 'utf8').split(' ')[1] ?? '';
    assert.ok(readFileSync(join(directory(), 'known_hosts'), 'utf8').includes(ours));
    assert.ok((await succeed('ssh', id, 'cat /etc/ssh/ssh_host_ed25519_key.pub')).includes(ours));
    const xml = host('virsh', 'dumpxml', `podman-bootc-${id}`);
    assert.match(xml, /hostKey=['"]handed-over/);
  });

  it('passes the exit code of a remote command on', async () => {
    assert.equal((await podmanBootc('ssh', id, 'exit 7')).exitCode, 7);
    assert.equal((await podmanBootc('ssh', id, 'sh', '-c', 'exit 42')).exitCode, 42);
  });

  it('passes stdin, stdout and stderr through, and a single argument to the shell', async () => {
    const outcome = await startCli(['ssh', id, 'tr a-z A-Z; echo err >&2'], { input: 'hello\n' }).done;
    assert.deepEqual([outcome.exitCode, outcome.stdout, outcome.stderr.trim()], [0, 'HELLO\n', 'err']);
  });

  it('delivers several arguments exactly as they were given', async () => {
    const args = ['a b', "'", '"', '$HOME', '*', '', 'x\ny', '-n', '`id`', 'ä€', '\\'];
    const output = await succeed('ssh', id, 'printf', '<%s>', ...args);
    assert.equal(output, args.map((argument) => `<${argument}>`).join(''));
  });

  it('refuses a guest that shows another host key, at once, with a remedy that works', async () => {
    const file = join(directory(), 'known_hosts');
    const pinned = readFileSync(file, 'utf8');
    const other = 'AAAAC3NzaC1lZDI1NTE5AAAAIEyTrZ5GzWdTFyhaBbPJcdbyiLSXZJlhPhXxvIx9QiFj';
    writeFileSync(file, pinned.replace(/AAAA\S+/, other));
    try {
      const outcome = await podmanBootc('ssh', id, 'true');
      assert.equal(outcome.exitCode, 255);
      assert.match(outcome.stderr, /shows the host key SHA256:/);
      const [, remedy = ''] = /: (ssh-keygen -R .*)/.exec(outcome.stderr) ?? [];
      host('sh', '-c', remedy);
      await succeed('ssh', id, 'true');
    } finally {
      writeFileSync(file, pinned);
    }
  });

  it('shows the VM to virsh with title and metadata', () => {
    assert.match(
      host('virsh', 'list', '--all', '--title'),
      new RegExp(`podman-bootc-${id}.*running.*podman-bootc: ${image}`),
    );
    const metadata = host('virsh', 'metadata', `podman-bootc-${id}`, '--uri', 'urn:x-podman-bootc:vm:1');
    for (const expected of [
      image,
      host('podman', 'image', 'inspect', '--format', '{{.Id}}', image).trim(),
      String(port),
      join(disks, `${uuid}.qcow2`),
    ]) {
      assert.ok(metadata.includes(expected), `${expected} in ${metadata}`);
    }
  });

  it('gives the VM a TPM, UEFI without enforced Secure Boot, and a guest agent channel', () => {
    const xml = host('virsh', 'dumpxml', '--inactive', `podman-bootc-${id}`);
    assert.match(xml, /<tpm model='tpm-crb'>/);
    assert.match(xml, /<feature enabled='no' name='secure-boot'\/>/);
    assert.match(xml, /org\.qemu\.guest_agent\.0/);
  });

  it('answers on the console of `virsh console`', async () => {
    // virsh wants a terminal, which `script` gives it, and somebody to press Enter until getty is up: it starts
    // after sshd, on a busy host by many seconds.
    const session = start('script', ['-qec', `virsh console --force podman-bootc-${id}`, '/dev/null'], {
      keepsInputOpen: true,
    });
    try {
      let pressed = 0;
      await until(
        'a login prompt on the console',
        () => {
          if (Date.now() - pressed > 1000) {
            session.child.stdin?.write('\n');
            pressed = Date.now();
          }
          return session.stdout().includes('login:');
        },
        180,
      );
      assert.match(session.stdout(), /Connected to domain/);
    } finally {
      // Ctrl-], virsh's escape.
      session.child.stdin?.end('\x1d');
      session.child.kill();
      await session.done;
    }
  });

  it('listens on 127.0.0.1 only', () => {
    const listening = host('ss', '-ltnH')
      .split('\n')
      .filter((line) => line.includes(`:${port} `));
    assert.equal(listening.length, 1);
    assert.match(listening[0] ?? '', new RegExp(` 127\\.0\\.0\\.1:${port} `));
  });

  it('keeps keys at 0600 and secrets out of the arguments of every process', () => {
    for (const name of ['id_ed25519', 'ssh_host_ed25519_key', 'tmpfiles.extra']) {
      assert.equal(statSync(join(directory(), name)).mode & 0o777, 0o600, name);
    }
    const secrets = ['id_ed25519', 'ssh_host_ed25519_key'].map(
      (name) => readFileSync(join(directory(), name), 'utf8').split('\n')[2] ?? '',
    );
    const encoded = readFileSync(join(directory(), 'tmpfiles.extra'), 'utf8')
      .split('\n')
      .map((line) => line.slice(-80));
    for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
      const file = `/proc/${pid}/cmdline`;
      const line = existsSync(file) ? readFileSync(file, 'utf8') : '';
      for (const secret of secrets) assert.ok(secret.length > 20 && !line.includes(secret), line);
      // The public key's line is public; the private host key's is not.
      assert.ok(!line.includes(encoded[2] ?? 'none'), line);
    }
  });

  it('lists the VM with the columns of podman-bootc, and as JSON', async () => {
    const [header = '', row = ''] = (await succeed('list')).split('\n');
    assert.deepEqual(header.split(/ {3,}/), ['ID', 'REPO', 'NAME', 'SIZE', 'CREATED', 'RUNNING', 'SSH PORT']);
    assert.match(row, new RegExp(`^${id} .*${image} .*podman-bootc-${id} .*ago .*true .*${port}$`));
    assert.equal(await succeed('list', '-q'), `${id}\n`);
    const [vm] = JSON.parse(await succeed('list', '--format', 'json')) as Record<string, unknown>[];
    assert.deepEqual([vm?.id, vm?.uuid, vm?.state, vm?.running], [id, uuid, 'running', true]);
  });

  it('lists bootc images, and no others, as podman shows them', async () => {
    host('podman', 'tag', 'localhost/no-bootc', 'localhost/other-name:5');
    const table = await succeed('images');
    assert.match(
      table,
      new RegExp(`^REPOSITORY +TAG +IMAGE ID[^]*localhost/podman-bootc-demo +latest +${id} `),
    );
    assert.match(table, /localhost\/other-name +5 /);
    const images = JSON.parse(await succeed('images', '--format', 'json')) as { names: string[] }[];
    assert.ok(images.some(({ names }) => names.includes(image)));
    assert.equal((await succeed('images', '-q')).split('\n').includes(id), true);
  });

  it('completes the names of images and VMs', async () => {
    assert.match(
      await succeed('__complete', '--', 'run', 'localhost/podman-bootc-d'),
      new RegExp(`^${image}\t`),
    );
    assert.match(
      await succeed('__complete', '--', 'ssh', ''),
      new RegExp(`^podman-bootc-${id}\t[^]*^${id}\t`, 'm'),
    );
  });

  it('says that the VM runs, and how to get in, when it is run again, and changes nothing', async () => {
    const key = readFileSync(join(directory(), 'id_ed25519'), 'utf8');
    const outcome = await podmanBootc('run', image);
    assert.equal(outcome.exitCode, 2);
    assert.match(outcome.stderr, new RegExp(`running already[^]*podman-bootc ssh ${id}`));
    assert.equal(readFileSync(join(directory(), 'id_ed25519'), 'utf8'), key);
    await succeed('ssh', id, 'true');
  });

  it('refuses to remove a running VM without --force, and says why', async () => {
    const outcome = await podmanBootc('rm', id);
    assert.equal(outcome.exitCode, 2);
    assert.match(outcome.stderr, /is running[^]*rm -f/);
    assert.ok(existsSync(join(disks, `${uuid}.qcow2`)));
  });

  it('keeps what was written over stop and start', async () => {
    await succeed('ssh', id, 'echo kept > /root/kept');
    const stopped = await podmanBootc('stop', id);
    assert.equal(stopped.exitCode, 0, stopped.stderr);
    assert.match(stopped.stderr, /was shut down/, 'by ACPI, not by force');
    assert.match(host('virsh', 'list', '--all'), new RegExp(`podman-bootc-${id} +shut off`));
    assert.match(await succeed('list'), / false /);
    const asleep = await podmanBootc('ssh', id, 'true');
    assert.match(asleep.stderr, new RegExp(`shut off[^]*podman-bootc start ${id}`));
    await succeed('start', id);
    assert.equal(await succeed('ssh', id, 'cat /root/kept'), 'kept\n');
  });

  it('boots a stopped VM again by `run ID`, moving its port when another process has taken it', async () => {
    await succeed('stop', id);
    const [vm] = JSON.parse(await succeed('list', '--format', 'json')) as { ssh: { port: number } }[];
    const { createServer } = await import('node:net');
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(vm?.ssh.port, '127.0.0.1', resolve));
    try {
      const outcome = await podmanBootc('run', id, 'cat', '/root/kept');
      assert.equal(outcome.stdout, 'kept\n', outcome.stderr);
      assert.match(outcome.stderr, /taken by another process/);
      assert.match(host('virsh', 'dumpxml', `podman-bootc-${id}`), /hostfwd|portForward/);
    } finally {
      other.close();
    }
  });

  it('refuses options that ask for another VM than the one there is', async () => {
    await succeed('stop', id);
    for (const [option, value] of [
      ['--filesystem', 'btrfs'],
      ['--disk-size', '12G'],
      ['--cpus', '7'],
      ['--memory', '3G'],
      ['--user', 'tester'],
    ] as const) {
      const outcome = await podmanBootc('run', option, value, image);
      assert.equal(outcome.exitCode, 2, option);
      assert.match(outcome.stderr, new RegExp(`made with ${option}`));
    }
  });

  it('ends a guest that does not shut down by force, and says so', async () => {
    const said: string[] = [];
    const hear = (message: string): number => said.push(message);
    await using client = await PodmanBootc.open({
      reporter: { debug: hear, info: hear, warn: hear, output: hear },
    });
    await client.start(id);
    // Firmware does not listen to the power button.
    assert.equal(await client.stop(id, { timeout: 1000 }), 'forced off');
    assert.match(said.join('\n'), /did not shut down within 1 s: ending it by force/);
    assert.equal(await client.stop(id), 'not running');
  });

  it('removes a stopped VM and everything that belongs to it', async () => {
    await succeed('rm', id);
    assert.ok(!existsSync(directory()));
    assertNoTraces(initial);
    const again = await podmanBootc('rm', id);
    assert.equal(again.exitCode, 2);
    assert.match(again.stderr, /no VM with the name or ID/);
    await until('no QEMU is left', () => !host('ps', '-eo', 'args').includes(uuid));
  });
});
