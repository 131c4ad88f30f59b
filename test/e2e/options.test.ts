import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { quoteForShell } from '../../src/ssh/session.js';
import { host, podmanBootc, startCli, succeed, until } from './support/cli.js';
import { assertNoTraces, traces } from './support/leftovers.js';

const image = 'localhost/podman-bootc-demo:latest';
const labelled = 'localhost/labelled:1';
const broken = 'localhost/broken-configuration:1';
const password = 'correct horse: $6$ ü';

/** A port that was free a moment ago. */
async function somePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Answers a request for a page with "hello": the request goes up to an empty line. */
const hello = `while read -r line && [ "\${line%?}" ]; do :; done; printf 'HTTP/1.0 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nhello'`;
// In a file, because systemd replaces what looks like a variable of its own.
const web = `printf %s ${quoteForShell(hello)} >/run/hello
systemd-run --unit web systemd-socket-activate --listen=80 --accept --inetd sh /run/hello`;

interface Inspected {
  name: string;
  cpus: number;
  memory: number;
  ssh: { port: number };
  ports: { hostPort: number }[];
  origins: Record<string, string>;
  install: { composefsBackend: boolean; bootcArgs: string[] };
  labels: Record<string, string>;
}

async function inspect(name: string): Promise<Inspected> {
  const [vm] = JSON.parse(await succeed('inspect', name)) as Inspected[];
  assert.ok(vm);
  return vm;
}

describe('options of a new VM', () => {
  const directory = mkdtempSync(join(tmpdir(), 'options-'));
  const key = join(directory, 'mine');
  const passwordFile = join(directory, 'password');
  let initial: Record<string, string[]>;
  let port: number;

  before(async () => {
    initial = traces();
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
    writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
    port = await somePort();
    // Base disks are kept: only VMs are counted.
    const options = [
      '-p',
      `${port}:80`,
      '--karg',
      'my.karg=1',
      '--hostname',
      'web-1.example.org',
      '--firmware',
      'bios',
    ];
    const login = ['--ssh-key', `${key}.pub`, '--password-file', passwordFile, '--label', 'stage=test'];
    await succeed('run', '-B', '--name', 'web', ...options, ...login, image);
  });

  after(async () => {
    await podmanBootc('rm', '--force', '--all');
    execFileSync('podman', ['rmi', '--force', '--ignore', labelled, broken]);
    assertNoTraces(initial);
  });

  it('leads a port of 127.0.0.1 to the guest', async () => {
    await succeed('ssh', 'web', web);
    await until(
      'the guest answers',
      async () => {
        // A connection that slirp took before the guest listened may never be answered.
        const answer = fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(10_000) });
        return (await answer.then((each) => each.text()).catch(() => undefined)) === 'hello';
      },
      300,
    );
  });

  it('names the guest, in the kernel and for its next boot, and passes the kernel argument', async () => {
    const said = await succeed('ssh', 'web', 'hostname; cat /etc/hostname /proc/cmdline');
    assert.match(said, /^web-1\.example\.org\nweb-1\.example\.org\n.*\bmy\.karg=1\b/);
  });

  it("lets the user's own key in", async () => {
    const { ssh } = await inspect('web');
    const said = execFileSync(
      'ssh',
      // prettier-ignore
      ['-F', 'none', '-i', key, '-o', 'IdentitiesOnly=yes', '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR', '-p', String(ssh.port), 'root@127.0.0.1', 'echo in'],
      { encoding: 'utf8' },
    );
    assert.equal(said, 'in\n');
  });

  it("sets root's password, which no process shows, and sets it once", async () => {
    const outcome = await startCli(
      ['ssh', 'web', `setpriv --reuid tester --clear-groups su -c 'id -u' root`],
      {
        input: `${password}\n`,
      },
    ).done;
    assert.match(outcome.stdout, /0\n$/, outcome.stderr);
    const [, hash = ''] = (await succeed('ssh', 'web', 'grep ^root: /etc/shadow')).split(':');
    assert.match(hash, /^\$6\$/);
    for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
      const file = `/proc/${pid}/cmdline`;
      const line = existsSync(file) ? readFileSync(file, 'utf8') : '';
      assert.ok(!line.includes(hash) && !line.includes(password), line);
    }
    assert.ok(!host('virsh', 'dumpxml', '--security-info', 'web').includes(hash));
    await succeed('ssh', 'web', 'usermod --password x root');
    await succeed('ssh', 'web', 'true');
    assert.match(await succeed('ssh', 'web', 'grep ^root: /etc/shadow'), /^root:x:/);
  });

  it('records what was asked for, and where the rest comes from', async () => {
    const { labels, ports, origins } = await inspect('web');
    assert.deepEqual(labels, { stage: 'test' });
    assert.deepEqual(ports, [{ protocol: 'tcp', address: '127.0.0.1', hostPort: port, guestPort: 80 }]);
    assert.deepEqual([origins.ports, origins.cpus], ['option', 'default']);
  });

  it('refuses a port that a running VM has, before anything is made', async () => {
    const outcome = await podmanBootc('run', '-B', '--name', 'second', '-p', `${port}:81`, image);
    assert.equal(outcome.exitCode, 120, outcome.stderr);
    assert.match(outcome.stderr, new RegExp(`Port ${port} of 127\\.0\\.0\\.1, .* is taken by the VM web`));
    assert.match((await podmanBootc('inspect', 'second')).stderr, /no VM/);
  });

  it('refuses such a port also at the start of a VM that was made meanwhile', async () => {
    await succeed('create', '--name', 'second', '-p', `${port}:81`, image);
    const outcome = await podmanBootc('start', 'second');
    assert.equal(outcome.exitCode, 120, outcome.stderr);
    assert.match(outcome.stderr, /is taken by the VM web/);
    await succeed('rm', 'second');
  });

  it('takes from labels of the image what no option says', async () => {
    execFileSync('podman', ['build', '--quiet', '--tag', labelled, '-'], {
      input: [
        `FROM ${image}`,
        `LABEL io.podman-bootc.cpus=1 io.podman-bootc.memory=640M io.podman-bootc.ports=${await somePort()}:80`,
        'LABEL io.podman-bootc.disk-size=11G io.podman-bootc.filesystem=xfs io.podman-bootc.firmware=soft',
        'LABEL io.podman-bootc.bootc-args=--allow-missing-verity',
        // Then it is one with systemd-boot and no bootupd, and installed by composefs.
        'RUN rm /usr/bin/bootupctl',
      ].join('\n'),
    });
    const refused = await podmanBootc('create', '--name', 'labelled', labelled);
    assert.equal(refused.exitCode, 121, refused.stderr);
    assert.match(refused.stderr, /label io\.podman-bootc\.firmware="soft" cannot be used: .*efi or bios/);
    const options = ['--name', 'labelled', '--memory', '700M', '--filesystem', 'ext4'];
    const bios = await podmanBootc('create', ...options, '--firmware', 'bios', labelled);
    assert.equal(bios.exitCode, 2, bios.stderr);
    assert.match(bios.stderr, /boots by systemd-boot .* need UEFI/);
    const made = await podmanBootc('create', ...options, '--firmware', 'efi', labelled);
    assert.equal(made.exitCode, 0, made.stderr);
    assert.match(
      made.stderr,
      /ext4: as asked\), by bootc's composefs backend \(the image has systemd-boot and no bootupd\)/,
    );
    const vm = await inspect('labelled');
    assert.deepEqual([vm.cpus, vm.memory, vm.ports.length], [1, 700 * 1024 ** 2, 1]);
    assert.deepEqual(vm.origins, {
      cpus: 'image label',
      memory: 'option',
      diskSize: 'image label',
      filesystem: 'option',
      ports: 'image label',
      firmware: 'option',
      composefsBackend: 'default',
      bootloader: 'default',
      bootcArgs: 'image label',
    });
    assert.equal(vm.install.composefsBackend, true);
    assert.deepEqual(vm.install.bootcArgs, ['--allow-missing-verity']);
  });

  it("says before the install which file of an image's configuration bootc rejects", async () => {
    execFileSync('podman', ['build', '--quiet', '--tag', broken, '-'], {
      input: `FROM ${image}\nRUN sed -i s/ext4/zfs/ /usr/lib/bootc/install/00-demo.toml`,
    });
    const outcome = await podmanBootc('create', '--name', 'broken', '--filesystem', 'xfs', broken);
    assert.equal(outcome.exitCode, 121, outcome.stderr);
    assert.match(
      outcome.stderr,
      /Error: .* its bootc rejects \/usr\/lib\/bootc\/install\/00-demo\.toml: TOML parse error at line 2, column 8: unknown variant `zfs`/,
    );
    assert.doesNotMatch(outcome.stderr, / to a disk of /);
  });

  it('makes a VM anew with --replace, also one that runs, and nothing is left of the old one', async () => {
    const [before] = JSON.parse(await succeed('inspect', 'web')) as {
      uuid: string;
      disk: { path: string };
    }[];
    const outcome = await podmanBootc('create', '--replace', '--name', 'web', image);
    assert.equal(outcome.exitCode, 0, outcome.stderr);
    assert.match(outcome.stderr, /Removed web, which is made anew/);
    const [after] = JSON.parse(await succeed('inspect', 'web')) as { uuid: string; state: string }[];
    assert.notEqual(after?.uuid, before?.uuid);
    assert.equal(after?.state, 'shut off');
    assert.ok(before && !existsSync(before.disk.path));
  });

  it('pulls as it is told to', async () => {
    const never = await podmanBootc('create', '--pull', 'never', '127.0.0.1:1/none:1');
    assert.equal(never.exitCode, 121);
    assert.match(never.stderr, /not in the store of .*, and --pull never keeps it from being pulled/);
    const always = await podmanBootc('create', '--pull', 'always', '--name', 'pulled', image);
    assert.equal(always.exitCode, 2);
    assert.match(always.stderr, /was built here and cannot be pulled/);
    host('podman', 'tag', image, '127.0.0.1:1/here:1');
    const newer = await podmanBootc('create', '--pull', 'newer', '--name', 'pulled', '127.0.0.1:1/here:1');
    assert.equal(newer.exitCode, 0, newer.stderr);
    assert.match(newer.stderr, /Looking for a newer 127\.0\.0\.1:1\/here:1/);
    await succeed('rm', 'pulled');
  });
});
