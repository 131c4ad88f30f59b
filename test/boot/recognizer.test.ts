import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BootRecognizer } from '../../src/boot/recognizer.js';
import { projectRoot } from '../support/project.js';

/** A console that a guest of the test bed wrote, byte for byte. */
function recorded(name: string): Buffer {
  return readFileSync(join(projectRoot, 'test', 'boot', 'fixtures', `${name}.console`));
}

interface Seen {
  boot: BootRecognizer;
  /** Each stage once, in the order in which it was told. */
  stages: string[];
  units: string[];
}

/** Gives a console to a recognizer, in pieces of so many bytes. */
function watch(console: Buffer | string, pieces = 7): Seen {
  const stages: string[] = [];
  const units: string[] = [];
  const boot = new BootRecognizer({
    onStage: (stage, unit) => {
      if (stages.at(-1) !== stage) stages.push(stage);
      if (unit !== undefined) units.push(unit);
    },
  });
  const bytes = Buffer.from(console);
  for (let at = 0; at < bytes.length; at += pieces) boot.push(bytes.subarray(at, at + pieces));
  return { boot, stages, units };
}

describe('the recognizer of boots', () => {
  it('follows a guest that tells everything from the boot loader to the login prompt', () => {
    const { boot, stages, units } = watch(recorded('verbose'));
    assert.deepEqual(stages, ['boot-loader', 'kernel', 'initrd', 'systemd']);
    assert.equal(boot.failure, undefined);
    assert.ok(boot.isUp);
    assert.ok(units.includes('ssh.service'), units.join(' '));
    assert.ok(units.includes('multi-user.target'));
    assert.equal(boot.lastLines(1)[0], 'localhost login: ');
  });

  it('follows a guest that says next to nothing', () => {
    const { boot, stages } = watch(recorded('quiet'));
    assert.deepEqual(stages, ['boot-loader', 'systemd']);
    assert.ok(boot.isUp);
    assert.equal(boot.failure, undefined);
  });

  for (const [name, kind, words] of [
    ['no-loader', 'nothing-bootable', /failed to load Boot0001 "UEFI Misc Device".*Not Found$/],
    ['secure-boot', 'secure-boot', /failed to load Boot0001.*Access Denied$/],
    ['no-root', 'root-missing', /^Kernel panic - not syncing: VFS: Unable to mount root fs/],
    ['panic', 'kernel-panic', /^Kernel panic - not syncing: Requested init \/missing failed \(error -2\)\.$/],
    ['emergency', 'emergency', /^You are in emergency mode/],
  ] as const) {
    it(`finds ${kind} in what a guest wrote`, () => {
      for (const pieces of [1, 64 * 1024]) {
        const { boot } = watch(recorded(name), pieces);
        assert.equal(boot.failure?.kind, kind);
        assert.match(boot.failure.words, words);
      }
    });
  }

  for (const name of ['quiet', 'verbose', 'ssh-masked', 'poweroff']) {
    it(`finds no failure where there is none to see: ${name}`, () => {
      assert.equal(watch(recorded(name)).boot.failure, undefined);
    });
  }

  // Words of initrds and units that the test bed's guest does not have; from the sources of dracut (dracut-lib.sh,
  // dracut-emergency.sh), initramfs-tools (scripts/local) and systemd (src/core/job.c).
  for (const [what, text, kind, words] of [
    [
      'dracut that waits in vain',
      'dracut-initqueue[423]: Warning: dracut-initqueue: timeout, still waiting for following initqueue hooks:\n' +
        'Warning: /dev/disk/by-uuid/0000 does not exist\n\nGenerating "/run/initramfs/rdsosreport.txt"\n\nEntering emergency mode. Exit the shell to continue.\n',
      'root-missing',
      /by-uuid\/0000 does not exist/,
    ],
    [
      'initramfs-tools',
      'Gave up waiting for root file system device.  Common problems:\nALERT!  UUID=0000 does not exist.  Dropping to a shell!\n',
      'root-missing',
      /Gave up waiting|UUID=0000 does not exist/,
    ],
    [
      'a device of the fstab',
      '[ TIME ] Timed out waiting for device dev-vdz.device - /dev/vdz.\r\n[DEPEND] Dependency failed for srv.mount - /srv.\r\nYou are in emergency mode. After logging in',
      'emergency',
      /Timed out waiting for device dev-vdz.device/,
    ],
    ['shim', 'Verification failed: (0x1A) Security Violation\n', 'secure-boot', /0x1A/],
    [
      'SeaBIOS',
      'SeaBIOS (version 1.16)\nBoot failed: not a bootable disk\n\nNo bootable device.\n',
      'nothing-bootable',
      /Boot failed/,
    ],
  ] as const) {
    it(`knows the words of ${what}`, () => {
      const { boot } = watch(`${text}\n`);
      assert.equal(boot.failure?.kind, kind);
      assert.match(boot.failure.words, words);
    });
  }

  describe('with a systemd in the initrd and another one in the real root', () => {
    // Words of systemd (src/core/main.c, units/initrd-*.in, units of dracut's systemd modules) and of the kernel.
    const kernel = '[    0.000000] Linux version 7.2.0\n[    3.100000] Run /init as init process\n';
    const systemd = '[    4.100000] systemd[1]: systemd 262 running in system mode (+PAM +SELINUX)\n';
    const detected =
      '[    4.110000] systemd[1]: Detected virtualization qemu.\n[    4.120000] systemd[1]: Detected architecture x86-64.\n';
    const initrd = '[    4.130000] systemd[1]: Running in initrd.\n';
    const welcome = 'Welcome to \u001b[0;34mTest Linux 42\u001b[0m!\r\n';
    const dracutWelcome = 'Welcome to \u001b[0;34mTest Linux 42 dracut-105 (Initramfs)\u001b[0m!\r\n';
    const named = '[    4.200000] systemd[1]: Hostname set to <localhost>.\n';
    const early =
      '[  OK  ] Reached target paths.target - Path Units.\r\n         Starting dracut-cmdline.service - dracut cmdline hook...\r\n' +
      '[  OK  ] Started systemd-udevd.service - Rule-based Manager for Device Events and Files.\r\n' +
      '[FAILED] Failed to start NetworkManager.service - Network Manager.\r\n' +
      '[  OK  ] Reached target initrd-root-device.target - Initrd Root Device.\r\n[  OK  ] Mounted sysroot.mount - /sysroot.\r\n';
    const leave =
      '[  OK  ] Reached target initrd-switch-root.target - Switch Root.\r\n         Starting initrd-switch-root.service - Switch Root...\r\n';
    const switching = '[   90.100000] systemd[1]: Switching root.\n';
    const late =
      '[  OK  ] Stopped initrd-switch-root.service - Switch Root.\r\n[  OK  ] Created slice system-getty.slice - Slice /system/getty.\r\n' +
      '[  OK  ] Finished dracut-shutdown.service - Restore /run/initramfs on shutdown.\r\n';
    const up = '[  OK  ] Reached target multi-user.target - Multi-User System.\r\n';
    const real = systemd + detected + welcome + named + late + up;

    for (const [what, before, after] of [
      [
        'dracut that tells all',
        kernel + systemd + detected + initrd + dracutWelcome + named + early,
        leave + switching + real,
      ],
      ['dracut whose kernel is quiet', dracutWelcome + early, leave + welcome + late + up],
      [
        'libselinux that complains before systemd speaks',
        `${kernel}SELinux:  Could not open policy file <= /etc/selinux/targeted/policy/policy.35:  No such file or directory\n${systemd}${detected}${initrd}${dracutWelcome}${early}`,
        leave + switching + real,
      ],
      [
        "an initrd that bears its system's name",
        kernel + systemd + detected + initrd + welcome + named + early,
        leave + switching + real,
      ],
      [
        'older words',
        `${kernel}${systemd}${detected}[    4.1] systemd[1]: Running in initial RAM disk.\n${dracutWelcome}         Starting dracut pre-udev hook...\r\n[  OK  ] Reached target Initrd Root Device.\r\n`,
        `         Starting Switch Root...\r\n${switching}${welcome}${late}${up}`,
      ],
      [
        'a kernel whose lines come late',
        kernel + dracutWelcome + systemd + detected + initrd + early,
        leave + welcome + switching + late + up,
      ],
    ] as const) {
      it(`counts the first to the initrd until the switch: ${what}`, () => {
        const { boot, stages } = watch(before);
        assert.equal(boot.stage, 'initrd');
        assert.ok(!stages.includes('systemd'), stages.join());
        const needed = (): string | undefined => boot.failedForSsh?.unit;
        assert.equal(needed(), undefined);
        boot.push(after.slice(0, after.indexOf('Switch Root')));
        assert.equal(boot.stage, 'initrd');
        boot.push(after.slice(after.indexOf('Switch Root')));
        assert.equal(boot.stage, 'systemd');
        assert.ok(boot.isUp);
        boot.push('[FAILED] Failed to start sshd.service - OpenSSH server daemon.\r\n');
        assert.equal(needed(), 'sshd.service');
      });
    }

    it('returns to the initrd when only its units tell which one it is', () => {
      const { boot, stages } = watch(welcome + early);
      assert.deepEqual(stages, ['systemd', 'initrd']);
      boot.push(leave + welcome);
      assert.equal(boot.stage, 'systemd');
      boot.push(`${late}dracut[812]: *** Including module: bash ***\r\n`);
      assert.equal(boot.stage, 'systemd');
    });

    it("says that an emergency is the initrd's", () => {
      const { boot } = watch(
        `${dracutWelcome}${early}Entering emergency mode. Exit the shell to continue.\r\n`,
      );
      assert.deepEqual([boot.failure?.kind, boot.failure?.inInitrd], ['emergency', true]);
      const real = watch(`${dracutWelcome}${leave}${welcome}You are in emergency mode.\r\n`).boot;
      assert.deepEqual([real.failure?.kind, real.failure?.inInitrd], ['emergency', undefined]);
    });
  });

  it('names the units that failed, and which of them SSH needs', () => {
    const { boot } = watch(
      '[FAILED] Failed to start chronyd.service - NTP client/server.\r\r\n' +
        '[FAILED] Failed to start NetworkManager-wait-online.service - Network Manager Wait Online.\r\r\n',
    );
    assert.deepEqual(boot.failedUnits, ['chronyd.service', 'NetworkManager-wait-online.service']);
    const needed = (): string | undefined => boot.failedForSsh?.unit;
    assert.equal(needed(), undefined);
    boot.push(
      '[\u001b[0;1;31mFAILED\u001b[0m] Failed to start \u001b[0;1;39msshd.service\u001b[0m - OpenSSH server daemon.\r\r\n',
    );
    assert.equal(needed(), 'sshd.service');
  });

  it('shows which unit a start job is running for, however often that line is drawn', () => {
    const { units } = watch(
      '\r\u001b[K[ *** ] A start job is running for dev-vdz.device (5s / 1min 30s)\r\u001b[K[***  ] A start job is running for dev-vdz.device (6s / 1min 30s)\r\u001b[K[  OK  ] Started x.service - X.\r\n',
    );
    assert.deepEqual(units, ['dev-vdz.device', 'x.service']);
    const combined = watch(
      '\r\u001b[K[ ***  ] (4 of 4) Job systemd-udevd.service/start running (23s / 1min 50s)\r\u001b[K[  *** ] (1 of 4) Job ssh.service/stop running (24s / 1min 50s)\r\u001b[K\n',
    );
    assert.deepEqual(combined.units, ['systemd-udevd.service']);
  });

  it('begins anew when the guest is reset', () => {
    const { boot, stages } = watch(
      Buffer.concat([recorded('verbose'), Buffer.from('\r\n'), recorded('quiet').subarray(0, 250)]),
    );
    assert.deepEqual(stages.slice(-2), ['firmware', 'boot-loader']);
    assert.ok(!boot.isUp);
  });

  it('forgives a boot entry that could not be loaded when the next one can', () => {
    const { boot } = watch(
      'BdsDxe: failed to load Boot0001 "a" from x: Not Found\nBdsDxe: loading Boot0002 "b"\nBdsDxe: starting Boot0002 "b"\n[    0.0] Linux version 6\nYou are in emergency mode.\n',
    );
    assert.equal(boot.failure?.kind, 'emergency');
  });

  it('reads 100 MB of a guest that talks much in a few seconds, and keeps next to nothing of it', function () {
    this.timeout(60_000);
    const line = `[  12.345678] app[77]: ${'lorem ipsum dolor sit amet '.repeat(4)}\r\n`;
    const chunk = Buffer.from(line.repeat(Math.ceil(65536 / line.length)));
    const endless = Buffer.alloc(65536, 'x');
    const boot = new BootRecognizer();
    globalThis.gc?.();
    const before = process.memoryUsage().heapUsed;
    const begin = performance.now();
    let bytes = 0;
    while (bytes < 100e6) {
      const next = bytes < 80e6 ? chunk : endless;
      boot.push(next);
      bytes += next.length;
    }
    const seconds = (performance.now() - begin) / 1000;
    globalThis.gc?.();
    const grown = process.memoryUsage().heapUsed - before;
    assert.ok(seconds < 20, `${seconds} s`);
    assert.ok(grown < 64e6, `${grown} bytes`);
  });
});
