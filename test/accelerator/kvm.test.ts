import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { explainOpenFailure, whyKvmCannotBeOpened } from '../../src/accelerator/device.js';
import { probeHvf, probeKvm } from '../../src/accelerator/index.js';
import { answerFrom } from '../../src/accelerator/kvm.js';
import { runTestGuest } from '../../src/accelerator/test-guest.js';

const arch = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
const otherArch = arch === 'x86_64' ? 'aarch64' : 'x86_64';

describe('probing for KVM', function () {
  this.slow(3000);
  let directory: string;
  let cacheDirectory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'podman-bootc-kvm-'));
    cacheDirectory = join(directory, 'made', 'when needed');
  });
  afterEach(async () => {
    await rm(directory, { recursive: true });
  });

  it('tells what a guest of the real emulator meets on this host', async () => {
    const emulator = `/usr/bin/qemu-system-${arch}`;
    assert.ok(existsSync(emulator), `This test needs ${emulator}`);
    const { usable, reason } = await probeKvm({ emulator, arch, cacheDirectory });
    if ((await whyKvmCannotBeOpened()) !== undefined) {
      assert.equal(usable, false);
      return;
    }
    // The same guest with three times the patience: what finished well in time must be usable, and what
    // does not finish even so must not.
    const start = performance.now();
    const { outcome } = await runTestGuest({ emulator, arch, accelerator: 'kvm', timeout: 6000 });
    const took = performance.now() - start;
    if (outcome !== 'finished' || took > 2500) assert.equal(usable, false, reason);
    else if (took < 1000) assert.equal(usable, true, reason);
    assert.match(
      reason,
      usable ? /^A test guest ran/ : /^\/dev\/kvm is there, but a test guest (died|that needs)/,
    );
  });

  // The rest is about hosts on which /dev/kvm opens; where it does not, every answer must say so.
  describe('with an emulator of our own', () => {
    let emulator: string;
    let obstacle: string | undefined;

    before(async () => {
      obstacle = process.platform === 'linux' ? await whyKvmCannotBeOpened() : 'KVM exists on Linux only';
    });
    beforeEach(async () => {
      emulator = join(directory, 'qemu');
      await emulates(`exit ${arch === 'x86_64' ? 33 : 0}`);
    });

    /** Each run adds a line to the file `runs`. */
    async function emulates(script: string): Promise<void> {
      await writeFile(emulator, `#!/bin/sh\necho run >> '${join(directory, 'runs')}'\n${script}\n`);
      await chmod(emulator, 0o755);
    }
    async function runs(): Promise<number> {
      const file = join(directory, 'runs');
      return existsSync(file) ? (await readFile(file, 'utf8')).trim().split('\n').length : 0;
    }
    /** Probes, and checks the answer, or the obstacle where this host has one. */
    async function probe(expected: {
      usable: boolean;
      reason: RegExp;
      cached: boolean;
      runs: number;
      timeout?: number;
    }) {
      const answer = await probeKvm({ emulator, arch, cacheDirectory, timeout: expected.timeout ?? 5000 });
      if (obstacle !== undefined) {
        assert.deepEqual(answer, { usable: false, reason: obstacle, cached: false });
        assert.equal(await runs(), 0);
        return;
      }
      assert.match(answer.reason, expected.reason);
      assert.deepEqual(
        { ...answer, reason: '', runs: await runs() },
        { usable: expected.usable, reason: '', cached: expected.cached, runs: expected.runs },
      );
    }
    const works = { usable: true, reason: /^A test guest ran under KVM$/ };

    it('runs the guest once and remembers the answer in one private file', async () => {
      await probe({ ...works, cached: false, runs: 1 });
      await probe({ ...works, cached: true, runs: 1 });
      if (obstacle !== undefined) return;
      const files = await readdir(cacheDirectory);
      assert.deepEqual(files, [`kvm-${arch}.json`]);
      assert.equal((await stat(join(cacheDirectory, `kvm-${arch}.json`))).mode & 0o777, 0o600);
    });

    it('remembers that the guest died, and why', async () => {
      await emulates(
        'echo "qemu: warning: x" >&2; echo "qemu: error: failed to set MSR 0x10a" >&2; kill -ABRT $$',
      );
      const died = { usable: false, reason: /a test guest died under KVM \(failed to set MSR 0x10a\)$/ };
      await probe({ ...died, cached: false, runs: 1 });
      await probe({ ...died, cached: true, runs: 1 });
    });

    it('asks again when the emulator has changed', async () => {
      await probe({ ...works, cached: false, runs: 1 });
      await utimes(emulator, 1, 1);
      await probe({ ...works, cached: false, runs: 2 });
    });

    it('asks again after a restart of the host', async () => {
      await probe({ ...works, cached: false, runs: 1 });
      await edit((text) => text.replace(/"boot":"[^"]+"/, '"boot":"another"'));
      await probe({ ...works, cached: false, runs: 2 });
    });

    it('asks again an hour after the guest was slow', async () => {
      await emulates('exec sleep 60');
      const slow = {
        usable: false,
        reason: /did not finish under KVM within 0\.5 s(?:; this host is busy .*)?$/,
        timeout: 500,
      };
      await probe({ ...slow, cached: false, runs: 1 });
      await probe({ ...slow, cached: true, runs: 1 });
      await edit((text) => {
        const expires = Number(/"expires":(\d+)/.exec(text)?.[1]);
        assert.ok(Math.abs(expires - Date.now() - 3_600_000) < 60_000);
        return text.replace(/"expires":\d+/, '"expires":1');
      });
      await probe({ ...slow, cached: false, runs: 2 });
    });

    for (const damage of [
      '',
      'no JSON',
      'null',
      '[]',
      '{"usable":true,"reason":"x"}',
      '{"circumstances":{}}',
    ]) {
      it(`takes no answer from a file that holds ${damage || 'nothing'}`, async () => {
        await probe({ ...works, cached: false, runs: 1 });
        await edit(() => damage);
        await probe({ ...works, cached: false, runs: 2 });
        await probe({ ...works, cached: true, runs: 2 });
      });
    }

    it('answers where nothing can be remembered', async () => {
      await mkdir(join(directory, 'made'));
      await writeFile(cacheDirectory, 'a file where the directory should be');
      await probe({ ...works, cached: false, runs: 1 });
      await probe({ ...works, cached: false, runs: 2 });
    });

    it('says that there is no emulator, and does not remember that', async () => {
      await rm(emulator);
      await probe({ usable: false, reason: /^There is no emulator .*qemu$/, cached: false, runs: 0 });
      assert.equal(existsSync(cacheDirectory), false);
    });

    async function edit(change: (text: string) => string): Promise<void> {
      if (obstacle !== undefined) return;
      const file = join(cacheDirectory, `kvm-${arch}.json`);
      await writeFile(file, change(await readFile(file, 'utf8')));
    }
  });

  it('knows that KVM runs the architecture of the host only', async () => {
    const emulator = `/usr/bin/qemu-system-${otherArch}`;
    const { usable, reason } = await probeKvm({ emulator, arch: otherArch, cacheDirectory });
    assert.equal(usable, false);
    assert.match(
      reason,
      process.platform === 'linux' ? new RegExp(`${arch} guests only, not ${otherArch}`) : /Linux/,
    );
  });

  it('ends with the reason of an abort', async () => {
    const signal = AbortSignal.abort('no');
    await assert.rejects(
      probeKvm({ emulator: '/bin/true', arch, cacheDirectory, signal }),
      (error) => error === 'no',
    );
  });

  it('has a sentence of its own for each obstacle', async () => {
    assert.match((await whyKvmCannotBeOpened('/dev/no-kvm')) ?? '', /^This host has no \/dev\/no-kvm: /);
    assert.equal(await whyKvmCannotBeOpened('/dev/null'), undefined);
    const failure = (code: string) =>
      explainOpenFailure('/dev/kvm', Object.assign(new Error(code), { code }));
    assert.match(failure('EACCES'), /group kvm/);
    assert.match(failure('EPERM'), /group kvm/);
    assert.equal(failure('ENXIO'), '/dev/kvm cannot be opened (ENXIO)');
    const answers = [
      answerFrom({ outcome: 'finished' }, 2000),
      answerFrom({ outcome: 'slow' }, 2000, { average: 0, cpus: 1 }),
      answerFrom({ outcome: 'died', problem: 'x' }, 2000),
    ];
    assert.deepEqual(
      answers.map(({ usable }) => usable),
      [true, false, false],
    );
    const late = answerFrom({ outcome: 'slow' }, 2000, { average: 9, cpus: 1 });
    assert.match(late.reason, /within 2 s; this host is busy \(a load of 9\.0 on one CPU\)$/);
  });
});

describe('probing for HVF', () => {
  it('knows that it exists on macOS only', async () => {
    const { usable, reason } = await probeHvf();
    if (process.platform === 'darwin') assert.match(reason, /Hypervisor framework/);
    else assert.deepEqual([usable, reason], [false, 'HVF exists on macOS only']);
  });
});
