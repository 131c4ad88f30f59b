import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { host, podmanBootc, startCli, type Outcome } from './support/cli.js';
import { assertNoTraces, traces } from './support/leftovers.js';

const image = 'localhost/podman-bootc-demo:latest';

/** Asserts the form of every failure: one sentence, a remedy, nothing on stdout, no stack. */
function assertFailure(outcome: Outcome, exitCode: number, sentence: RegExp): void {
  assert.equal(outcome.exitCode, exitCode, outcome.stderr);
  assert.equal(outcome.stdout, '');
  assert.match(outcome.stderr, /^Error: /m);
  assert.match(outcome.stderr, sentence);
  assert.doesNotMatch(outcome.stderr, /^\s+at /m);
}

describe('what cannot work', () => {
  let initial: Record<string, string[]>;

  beforeEach(() => {
    initial = traces();
  });

  afterEach(() => {
    assertNoTraces(initial);
  });

  const runs: [string, string[], number, RegExp][] = [
    [
      'a localhost image that is not there',
      ['localhost/none:1'],
      121,
      /localhost\/none:1 is not in the store of this host's podman \(root's\), and localhost images are never pulled/,
    ],
    [
      'an image that no registry has',
      ['127.0.0.1:1/none:1'],
      121,
      /127\.0\.0\.1:1\/none:1 could not be pulled/,
    ],
    ['an image without bootc', ['localhost/no-bootc'], 121, /localhost\/no-bootc\S* has no bootc inside/],
    [
      'an image of another architecture',
      ['localhost/foreign-arch'],
      121,
      /is for arm64, and its bootc cannot run/,
    ],
    ['an image reference that is an option', ['--', '--privileged'], 2, /Expected an image reference/],
    ['a disk larger than the file system', ['--disk-size', '900T', image], 2, /disk of 900 TiB does not fit/],
    ['more CPUs than a machine has', ['--cpus', '100000', image], 2, /Expected --cpus to be at most/],
    ['a cloud-init directory without user-data', ['--cloudinit', '/', image], 2, /has no user-data/],
    [
      'a podman connection that does not exist',
      ['--podman', 'nowhere', image],
      120,
      /no connection named 'nowhere'/,
    ],
    [
      'a podman machine where there is none',
      ['--podman', 'machine', image],
      120,
      /there is no podman machine/,
    ],
  ];
  for (const [what, args, exitCode, sentence] of runs) {
    it(`${what} is refused in a sentence`, async () => {
      assertFailure(await podmanBootc('run', ...args), exitCode, sentence);
    });
  }

  for (const quiet of [true, false]) {
    it(`an install that fails shows what bootc said${quiet ? ', also with --quiet' : ''}`, async () => {
      const outcome = await podmanBootc('run', ...(quiet ? ['--quiet'] : []), '--disk-size', '140M', image);
      assertFailure(outcome, 122, /bootc could not install localhost\/podman-bootc-demo:latest/);
      assert.equal(outcome.stderr.match(/Installing image/g)?.length, 1, outcome.stderr);
    });
  }

  it('an install without a boot loader is not believed, and bootc ran it, whatever the image starts', async () => {
    const name = 'localhost/starts-something-else';
    execFileSync('podman', ['build', '--quiet', '--tag', name, '-'], {
      input: 'FROM localhost/broken-boot\nENTRYPOINT ["/bin/echo", "hello"]\n',
    });
    try {
      const outcome = await podmanBootc('create', '--quiet', name);
      assertFailure(
        outcome,
        122,
        /starts-something-else:latest is installed, but the EFI system partition holds no FAT file system; .*\nAdd a boot loader to the image: /,
      );
      assert.match(outcome.stderr, /Installation complete!/);
    } finally {
      host('podman', 'rmi', name);
    }
  });

  it('a host without podman is told to install it', async () => {
    const outcome = await startCli(['run', image], { env: { PATH: mkdtempSync(join(tmpdir(), 'empty-')) } })
      .done;
    assertFailure(outcome, 120, /podman was not found in PATH\nInstall podman/);
  });

  it('a libvirt without QEMU is named', async () => {
    assertFailure(
      await podmanBootc('run', '--connect', 'test:///default', image),
      120,
      /has no QEMU for x86_64/,
    );
  });

  it('a libvirt that refuses connections is named with the command that starts it', async () => {
    const socket = join(mkdtempSync(join(tmpdir(), 'libvirt-')), 'none');
    assertFailure(
      await podmanBootc('list', '--connect', `qemu+unix:///session?socket=${socket}`),
      120,
      /libvirt does not answer at qemu\+unix/,
    );
  });

  it('a libvirt that accepts and never answers is given up', async () => {
    const socket = join(mkdtempSync(join(tmpdir(), 'libvirt-')), 'mute');
    const server = createServer(() => {
      // Says nothing.
    });
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    try {
      const outcome = await podmanBootc('list', '--connect', `qemu+unix:///session?socket=${socket}`);
      assertFailure(outcome, 120, /no answer within 20 s/);
    } finally {
      server.close();
    }
  });

  it('a name that an unrelated domain has is not taken over', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'domain-')), 'foreign.xml');
    writeFileSync(
      file,
      "<domain type='qemu'><name>foreign</name><memory unit='MiB'>64</memory><os><type arch='x86_64'>hvm</type></os></domain>",
    );
    host('virsh', 'define', file);
    try {
      assertFailure(
        await podmanBootc('run', '--name', 'foreign', image),
        2,
        /'foreign' is taken by a libvirt domain/,
      );
      assertFailure(await podmanBootc('rm', 'foreign'), 2, /'foreign' was not made by podman-bootc/);
    } finally {
      host('virsh', 'undefine', 'foreign');
    }
  });

  it('a file system that runs full during the install is named, and the partial disk is gone', async () => {
    const data = '/var/cache/podman-bootc';
    mkdirSync(data, { recursive: true });
    const needed = Number(host('podman', 'image', 'inspect', '--format', '{{.Size}}', image)) + 2 * 1024 ** 2;
    host('mount', '-t', 'tmpfs', '-o', 'size=1G', 'tmpfs', data);
    try {
      // Room for what can be foreseen, not for what an install really takes.
      host('fallocate', '-l', String(1024 ** 3 - needed), join(data, 'filler'));
      const outcome = await podmanBootc('run', '--disk-size', '900M', image);
      assertFailure(outcome, 122, /ran full during the install/);
      assertNoTraces(initial);
    } finally {
      host('umount', data);
    }
  });
});
