import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryRoot } from '../environment.js';
import { runProcess, type ProcessResult } from '../process.js';
import { testRom, type ProbeArchitecture } from './roms.js';

/** How the test guest fared. */
export type TestGuestResult =
  | { outcome: 'finished' }
  | { outcome: 'slow' }
  /** `problem`: what QEMU said, or how it ended. */
  | { outcome: 'died'; problem: string };

/**
 * Runs the test guest in QEMU without any device, display or configuration file.
 * @param o.accelerator `kvm` in earnest; `tcg` shows that the guest itself is sound
 * @param o.timeout in milliseconds, QEMU's own start included
 * @throws PodmanBootcError `PROGRAM_NOT_FOUND` without the emulator; the signal's reason when aborted
 */
export async function runTestGuest(o: {
  emulator: string;
  arch: ProbeArchitecture;
  accelerator: 'kvm' | 'tcg';
  timeout: number;
  signal?: AbortSignal | undefined;
}): Promise<TestGuestResult> {
  const rom = testRom(o.arch);
  const directory = await mkdtemp(join(temporaryRoot(), 'podman-bootc-probe-'));
  try {
    const image = join(directory, 'rom');
    await writeFile(image, rom.image, { mode: 0o600 });
    const result = await runProcess(
      o.emulator,
      [
        ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-m', '64'],
        ...rom.machineArguments,
        ...['-accel', o.accelerator, '-cpu', o.accelerator === 'kvm' ? 'host' : 'max'],
        ...['-bios', image],
      ],
      // A process group of its own: Ctrl-C must not look like a guest that died.
      { timeout: o.timeout, killDelay: 500, signal: o.signal, detached: true },
    );
    if (result.timedOut) return { outcome: 'slow' };
    if (result.exitCode === rom.exitCode) return { outcome: 'finished' };
    return { outcome: 'died', problem: problemOf(result) };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The first complaint of QEMU that is more than a warning, without its name in front. */
function problemOf({ stderr, exitCode }: ProcessResult): string {
  const complaint = stderr.split('\n').find((line) => line.trim() !== '' && !line.includes('warning:'));
  return complaint === undefined
    ? `QEMU ended with exit code ${exitCode}`
    : complaint.replace(/^\S*qemu\S*: (error: )?/, '').trim();
}
