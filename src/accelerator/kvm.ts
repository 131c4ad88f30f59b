import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { busyWords, hostLoad } from '../busy.js';
import { codeOf } from '../errors.js';
import { recall, remember, type Answer, type Circumstances } from './cache.js';
import { whyKvmCannotBeOpened } from './device.js';
import type { AcceleratorProbe } from './probe.js';
import { probeCode, type ProbeArchitecture } from './roms.js';
import { runTestGuest, type TestGuestResult } from './test-guest.js';

/** The host may just have been busy, so this answer is not kept until it restarts. */
const lifetimeOfSlow = 60 * 60 * 1000;

/**
 * Whether guests really run under KVM. That /dev/kvm opens, and that libvirt lists it, proves little: under
 * some nested virtualization guests die at once or take a thousand times as long. So a tiny guest runs in
 * QEMU; it takes some 50 ms where KVM works.
 *
 * What the guest showed is remembered until the host restarts or the emulator changes. That /dev/kvm is
 * missing or forbidden is looked at anew each time.
 * @param o.emulator absolute path of QEMU for the architecture
 * @param o.cacheDirectory where to remember the answer; made if missing. Without it the guest runs each time,
 *   and nothing is remembered
 * @param o.timeout for the guest, in milliseconds, QEMU's own start included; default 2,000
 * @throws the signal's reason when aborted
 */
export async function probeKvm(o: {
  emulator: string;
  arch: ProbeArchitecture;
  cacheDirectory?: string;
  timeout?: number;
  signal?: AbortSignal;
}): Promise<AcceleratorProbe> {
  o.signal?.throwIfAborted();
  const obstacle = await obstacleTo(o.arch);
  if (obstacle !== undefined) return { usable: false, reason: obstacle, cached: false };

  const modified = await modificationTime(o.emulator);
  if (modified === undefined)
    return { usable: false, reason: `There is no emulator ${o.emulator}`, cached: false };

  const timeout = o.timeout ?? 2000;
  const run = (): Promise<TestGuestResult> => runTestGuest({ ...o, accelerator: 'kvm', timeout });
  if (o.cacheDirectory === undefined) return { ...answerFrom(await run(), timeout), cached: false };

  const file = join(o.cacheDirectory, `kvm-${o.arch}.json`);
  const circumstances: Circumstances = {
    boot: await bootId(),
    emulator: o.emulator,
    modified,
    user: process.getuid?.() ?? -1,
    guest: createHash('sha256').update(probeCode[o.arch]).digest('hex').slice(0, 16),
  };
  const known = await recall(file, circumstances);
  if (known) return { ...known, cached: true };

  const result = await run();
  const answer = answerFrom(result, timeout);
  await remember(file, circumstances, answer, result.outcome === 'slow' ? lifetimeOfSlow : undefined);
  return { ...answer, cached: false };
}

/** What the fate of the test guest says about KVM. */
export function answerFrom(result: TestGuestResult, timeout: number, load = hostLoad()): Answer {
  switch (result.outcome) {
    case 'finished':
      return { usable: true, reason: 'A test guest ran under KVM' };
    case 'slow': {
      const busy = busyWords(load);
      return {
        usable: false,
        reason: `/dev/kvm is there, but a test guest that needs milliseconds did not finish under KVM within ${timeout / 1000} s${busy === undefined ? '' : `; ${busy}`}`,
      };
    }
    case 'died':
      return {
        usable: false,
        reason: `/dev/kvm is there, but a test guest died under KVM (${result.problem})`,
      };
  }
}

async function obstacleTo(arch: ProbeArchitecture): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'KVM exists on Linux only';
  const host = process.arch === 'arm64' ? 'aarch64' : process.arch === 'x64' ? 'x86_64' : process.arch;
  if (arch !== host) return `KVM on this host runs ${host} guests only, not ${arch} ones`;
  return whyKvmCannotBeOpened();
}

async function modificationTime(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return undefined;
  }
}

/** See random(4); it changes with every start of the host. */
async function bootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}
