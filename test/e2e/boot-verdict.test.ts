import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { withoutInstalling } from './support/base-disk.js';
import { host, podmanBootc, soon, startCli, succeed, until, type Outcome } from './support/cli.js';
import { assertNoTraces, traces, vms } from './support/leftovers.js';

const image = 'localhost/podman-bootc-demo:latest';
const name = 'verdict';

/*
 * One VM, installed once, that is made to fail in one way after the other: its loader entry, its boot loader, its domain.
 * The partition with the boot loader begins at 1 MiB and has 128, as bootc-standin makes it; the demo image has mtools.
 */
describe('a boot that does not lead to SSH', function () {
  let initial: Record<string, string[]>;
  let uuid: string;
  let disk: string;
  let entry: string;
  let entryFile: string;

  const esp = (...command: string[]): string =>
    // prettier-ignore
    host('podman', 'run', '--rm', '--volume', `${dirname(disk)}:/d`, '--env', 'MTOOLS_SKIP_CHECK=1', '--entrypoint', command[0] ?? '', image, ...command.slice(1));
  const onEsp = (): string[] => ['-i', `/d/${basename(disk)}@@1M`];

  /** Gives the kernel another command line. */
  const boot = (change: (entry: string) => string): void => {
    const file = join(dirname(disk), 'entry');
    writeFileSync(file, change(entry));
    esp('mcopy', '-o', ...onEsp(), '/d/entry', entryFile);
    rmSync(file);
  };
  /** Changes files of /etc, in the root file system, which lies behind the partition with the boot loader. */
  const inEtc = (change: (etc: string) => void): void => {
    const root = mkdtempSync(join(tmpdir(), 'root-'));
    host('mount', '-o', `loop,offset=${(1 + 128) * 1024 ** 2}`, disk, root);
    try {
      const state = join(root, 'state');
      const etc = readdirSync(state).find((name) => name.startsWith('etc-')) ?? '';
      change(join(state, etc));
    } finally {
      host('umount', root);
      rmdirSync(root);
    }
  };
  const withArguments = (text: string) => (original: string) => original.replace(/^options.*/m, `$& ${text}`);
  /** systemd tells what it does. */
  const verbose = (original: string): string =>
    original.replace(' quiet ', ' ').replace('systemd.show_status=no', 'systemd.show_status=yes');

  /** Boots the VM with the command line, to a verdict. */
  const run = (...options: string[]): Promise<Outcome> =>
    podmanBootc('run', ...options, '--name', name, image, 'true');

  const expectVerdict = (outcome: Outcome, exitCode: number, sentence: RegExp, remedy: RegExp): void => {
    assert.equal(outcome.exitCode, exitCode, outcome.stderr);
    assert.match(outcome.stderr, /Last lines of the console:\n/);
    const [, said = ''] = /\nError: ([^]*)$/.exec(outcome.stderr) ?? [];
    const [first = '', second = ''] = said.split('\n');
    assert.match(first, sentence);
    assert.match(second, remedy);
  };

  /** When something was written to the console last, as a time of this clock. */
  const lastWords = (): number =>
    Number(host('stat', '--format', '%.3Y', join(vms, uuid, 'console.log'))) * 1000;

  before(async () => {
    initial = traces();
    await withoutInstalling(image);
    await succeed('create', '--cpus', '1', '--disk-format', 'raw', '--name', name, image);
    const [vm] = JSON.parse(await succeed('list', '--format', 'json')) as {
      uuid: string;
      disk: { path: string };
    }[];
    uuid = vm?.uuid ?? '';
    disk = vm?.disk.path ?? '';
    entryFile = esp('mdir', '-b', ...onEsp(), '::/loader/entries').trim();
    entry = esp('mtype', ...onEsp(), entryFile);
  });

  afterEach(async () => {
    await podmanBootc('stop', '--force', name);
  });

  after(async () => {
    await podmanBootc('rm', '--force', '--all');
    await podmanBootc('disk', 'prune', '--all');
    assertNoTraces(initial);
  });

  for (const [what, change, sentence, remedy] of [
    [
      'a root file system that is not there',
      (original: string) =>
        original
          .replace(/^initrd.*\n/m, '')
          .replace(/root=\S+/, 'root=UUID=00000000-dead-beef-0000-000000000000'),
      /^verdict did not find its root file system: "Kernel panic - not syncing: VFS: Unable to mount root fs/,
      /Check root=/,
    ],
    [
      'emergency mode',
      withArguments('systemd.unit=emergency.target'),
      /^verdict is in emergency mode: "You are in emergency mode"/,
      /podman-bootc console verdict/,
    ],
    [
      'a kernel panic',
      withArguments('rdinit=/dev init=/missing'),
      /^The kernel of verdict panicked: "Kernel panic - not syncing: Requested init \/missing failed/,
      /podman-bootc logs verdict/,
    ],
  ] as const) {
    it(`is explained by ${what}, as soon as the console says so`, async () => {
      boot(change);
      const outcome = await run();
      const late = Date.now() - lastWords();
      expectVerdict(outcome, 124, sentence, remedy);
      assert.ok(late < 10_000, `${late} ms after the console said so`);
    });
  }

  it('is explained by a guest that powers itself off, at once', async () => {
    boot(withArguments('systemd.unit=poweroff.target'));
    const outcome = await run();
    expectVerdict(
      outcome,
      124,
      /^verdict shut itself down while it was booting \(/,
      /podman-bootc logs verdict/,
    );
    assert.match(outcome.stderr, /reboot: Power down/, 'with its last words');
  });

  it('is explained by a QEMU that was killed, at once', async () => {
    boot(verbose);
    const running = startCli(['run', '--name', name, image, 'true']);
    await until('the kernel runs', () => running.stderr().includes(' kernel'), 180);
    process.kill(Number(readFileSync(`/run/libvirt/qemu/${name}.pid`, 'utf8')), 'SIGKILL');
    const killed = Date.now();
    const outcome = await running.done;
    expectVerdict(
      outcome,
      124,
      /^The QEMU process of verdict ended unexpectedly while it was booting \(/,
      /log/,
    );
    assert.ok(Date.now() - killed < 10_000);
  });

  it('is explained by an sshd that is masked, once the guest is up', async () => {
    boot((original) => withArguments('systemd.mask=ssh.service')(verbose(original)));
    const running = startCli(['run', '--name', name, image, 'true']);
    const outcome = await running.done;
    const late = Date.now() - lastWords();
    expectVerdict(
      outcome,
      124,
      /^verdict runs no sshd: its ssh.service is masked$/,
      /Unmask .*podman-bootc console verdict/,
    );
    assert.ok(late < 40_000, `${late} ms after the login prompt`);
    const status = await podmanBootc('status', name);
    assert.match(status.stdout, /no sshd: its ssh.service is masked/, status.stderr);
  });

  it('is explained by a network that nobody brings up', async () => {
    boot((original) => withArguments('systemd.mask=systemd-networkd.service')(verbose(original)));
    const outcome = await run();
    expectVerdict(
      outcome,
      124,
      /^The network of verdict is not up: nothing in it answers \d+ s after it came up$/,
      /with DHCP; look with `podman-bootc console verdict`/,
    );
  });

  it('is explained by a user that the image does not have', async () => {
    const other = 'verdict-user';
    const outcome = await podmanBootc(
      'run',
      ...soon,
      '--user',
      'nobody-there',
      '--name',
      other,
      image,
      'true',
    );
    const [, said = ''] = /\nError: ([^]*)$/.exec(outcome.stderr) ?? [];
    assert.equal(outcome.exitCode, 255, outcome.stderr);
    assert.match(
      said,
      /^The sshd of verdict-user refuses nobody-there \(.*\): the guest has no such user, or .*\nCheck the user/,
    );
    await succeed('rm', '--force', other);
  });

  it('is explained by an sshd that forbids root, and the units are listed that failed', async () => {
    boot((original) => original);
    inEtc((etc) => {
      const units = join(etc, 'systemd/system');
      const add = (name: string, ...lines: string[]): void => {
        mkdirSync(dirname(join(units, name)), { recursive: true });
        writeFileSync(join(units, name), lines.map((line) => `${line}\n`).join(''));
      };
      // A unit that fails, for the readiness of systemd.
      add('broken.service', '[Service]', 'Type=oneshot', 'ExecStart=/bin/false');
      symlinkSync('../broken.service', join(units, 'multi-user.target.wants', 'broken.service'));
      // And an sshd that fails where the kernel's command line says so, and an agent that runs nothing, for the next tests.
      const failing = "ExecStartPre=/bin/sh -c '! grep -q fail-sshd /proc/cmdline'";
      add('ssh.service.d/fail.conf', '[Service]', 'Restart=no', failing);
      const agent =
        "ExecStart=/bin/sh -c 'grep -q agent-runs-nothing /proc/cmdline && exec qemu-ga --block-rpcs=guest-exec; exec qemu-ga'";
      add('qemu-guest-agent.service.d/block.conf', '[Service]', 'ExecStart=', agent);
    });
    const degraded = await podmanBootc('run', '--background', '--wait', 'systemd', '--name', name, image);
    assert.equal(degraded.exitCode, 0, degraded.stderr);
    assert.match(degraded.stderr, /units failed: broken.service/);
    const status = JSON.parse(await succeed('status', '--format', 'json', name)) as Record<string, unknown>;
    assert.deepEqual([status.name, status.state, status.verdict], [name, 'running', null]);

    await succeed('ssh', name, 'echo PermitRootLogin no > /etc/ssh/sshd_config.d/00-no.conf');
    await succeed('stop', name);
    const outcome = await run();
    expectVerdict(
      outcome,
      255,
      /^The sshd of verdict refuses root, though the guest took root's key/,
      /PermitRootLogin/,
    );
  });

  it('is explained by an sshd that fails', async () => {
    boot((original) => withArguments('fail-sshd')(verbose(original)));
    const outcome = await run();
    const late = Date.now() - lastWords();
    expectVerdict(
      outcome,
      124,
      /^SSH of verdict cannot work, because ssh\.service failed \(exit-code\)$/,
      /journalctl -u ssh\.service` on `podman-bootc console verdict`/,
    );
    assert.ok(late < 40_000, `${late} ms after the login prompt`);
  });

  it('is explained by an sshd that fails, where the agent may run nothing', async () => {
    boot((original) => withArguments('fail-sshd agent-runs-nothing')(verbose(original)));
    const outcome = await run();
    const late = Date.now() - lastWords();
    expectVerdict(
      outcome,
      124,
      /^SSH of verdict cannot work, because ssh\.service failed \(Failed to start ssh\.service\)$/,
      /journalctl -u ssh\.service` on `podman-bootc console verdict`/,
    );
    assert.ok(late < 90_000, `${late} ms after the login prompt`);
    const ask = (...words: string[]): string => host('virsh', 'qemu-agent-command', name, ...words);
    ask('{"execute":"guest-ping"}');
    assert.throws(() => ask('{"execute":"guest-exec","arguments":{"path":"/bin/true"}}'), /disabled|blocked/);
  });

  it('is explained by a time-out, which says how far the boot has come', async () => {
    boot(withArguments('systemd.unit=basic.target'));
    const outcome = await run('--boot-timeout', '20');
    assert.equal(outcome.exitCode, 124, outcome.stderr);
    assert.match(
      outcome.stderr,
      /within 20 s: .*; the boot of verdict had reached: (firmware|boot loader|kernel|systemd)/,
    );
  });

  it('is explained by a disk without a boot loader', async () => {
    esp('mren', ...onEsp(), '::/EFI/BOOT/BOOTX64.EFI', 'BOOTX64.OFF');
    try {
      const outcome = await run();
      const late = Date.now() - lastWords();
      expectVerdict(
        outcome,
        124,
        /^The firmware of verdict found nothing to boot: "BdsDxe: failed to load/,
        /boot loader/,
      );
      assert.ok(late < 10_000, `${late} ms after the firmware said so`);
    } finally {
      esp('mren', ...onEsp(), '::/EFI/BOOT/BOOTX64.OFF', 'BOOTX64.EFI');
    }
  });

  it('is explained by Secure Boot that refuses the boot loader, and the log of the boot before is kept', async () => {
    await succeed('rm', '--force', name);
    await succeed('create', '--cpus', '1', '--disk-format', 'raw', '--name', name, image);
    const xml = host('virsh', 'dumpxml', '--inactive', '--security-info', name);
    const secure = xml
      .replace(
        /<feature enabled='no' name='(secure-boot|enrolled-keys)'\/>/g,
        "<feature enabled='yes' name='$1'/>",
      )
      .replace(/ *<loader[^]*?<\/loader>\n| *<nvram[^]*?(?:<\/nvram>|\/>)\n/g, '')
      .replace('<acpi/>', "<acpi/><smm state='on'/>");
    const file = join(process.env.TMPDIR ?? '/tmp', 'secure.xml');
    writeFileSync(file, secure);
    host('virsh', 'define', '--validate', file);
    for (let boots = 1; boots <= 2; boots++) {
      const outcome = await run();
      expectVerdict(
        outcome,
        124,
        /^Secure Boot of verdict refused the boot loader: ".*Access Denied"/,
        /signed/,
      );
      host('virsh', 'destroy', name);
    }
    for (const which of ['0', '-1'])
      assert.match(await succeed('logs', '--boot', which, name), /Access Denied/, `boot ${which}`);
    assert.match((await podmanBootc('logs', '--boot', '-2', name)).stderr, /from -1 to 0/);
  });
});
