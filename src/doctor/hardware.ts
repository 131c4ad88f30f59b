import { readFile } from 'node:fs/promises';
import type { AcceleratorProbe } from '../accelerator/index.js';
import { chooseFirmware, chooseNetwork, chooseTpm } from '../domain/build.js';
import type { DomainCapabilities } from '../domain/capabilities.js';
import { messageOf, PodmanBootcError } from '../errors.js';
import { findProgram, runProcess } from '../process.js';
import { hostArchitecture, probeAcceleration } from '../vm/host/hardware.js';
import type { Host } from '../vm/host/host.js';
import { from, type Examination } from './examination.js';
import { UnknownBecauseOf, type Outcome } from './finding.js';
import { installCommand } from './packages.js';

/** The name of hardware virtualization here. */
const accelerator = process.platform === 'darwin' ? 'HVF' : 'KVM';

/** Finds QEMU without asking libvirt. qemu-kvm is the only one of RHEL and its like. */
export async function findEmulator(): Promise<string | undefined> {
  return (
    (await findProgram(`qemu-system-${hostArchitecture}`)) ??
    (await findProgram('qemu-kvm', ['/usr/libexec']))
  );
}

/** Runs the test guest, remembering nothing: what `run` remembers may be what somebody has just mended. */
export async function examineAcceleration(
  libvirt: Promise<Host>,
  emulator: Promise<string | undefined>,
  signal: AbortSignal,
): Promise<AcceleratorProbe> {
  const [path, connection] = await Promise.all([
    emulator,
    libvirt.then(
      (host) => host.connection,
      () => undefined,
    ),
  ]);
  if (path === undefined) throw new UnknownBecauseOf('PB002', undefined);
  return probeAcceleration({ arch: hostArchitecture, emulator: path, connection, signal });
}

/** PB002 */
export async function checkQemu(e: Examination): Promise<Outcome> {
  const emulator = await e.emulator;
  let capabilities: DomainCapabilities;
  try {
    capabilities = await e.capabilities;
  } catch (error) {
    if (error instanceof PodmanBootcError && error.code === 'QEMU_NOT_FOUND')
      return { status: 'failure', finding: messageOf(error), fix: installCommand('qemu', e.family) };
    if (!(error instanceof UnknownBecauseOf)) throw error;
    if (emulator === undefined) {
      return {
        status: 'failure',
        finding: `There is no QEMU for ${hostArchitecture}`,
        fix: installCommand('qemu', e.family),
      };
    }
    throw error;
  }
  const { text } = await emulatorVersion(capabilities.emulator, e.signal);
  return {
    status: 'ok',
    finding: `QEMU ${text} for ${hostArchitecture} (${capabilities.emulator}, ${capabilities.machine})`,
  };
}

async function emulatorVersion(
  emulator: string,
  signal: AbortSignal,
): Promise<{ text: string; major: number }> {
  const { stdout, all } = await runProcess(emulator, ['--version'], { signal, killDelay: 500 });
  const text = /version (\d+\.[\d.]*\d)/.exec(stdout)?.[1];
  if (text === undefined) {
    throw new PodmanBootcError(
      'host',
      'QEMU_NOT_FOUND',
      `${emulator} does not tell its version: ${all.trim().split('\n').at(-1) ?? ''}`,
    );
  }
  return { text, major: Number.parseInt(text, 10) };
}

/** PB003 */
export async function checkAcceleration(e: Examination): Promise<Outcome> {
  const { usable, reason, fix } = await e.acceleration;
  if (usable) return { status: 'ok', finding: reason };
  return {
    status: 'warning',
    finding: `The CPU is emulated, which is several times slower: ${lowerFirst(reason)}`,
    fix: fix ?? (await fixForKvm(reason)),
  };
}

async function fixForKvm(reason: string): Promise<string | undefined> {
  if (reason.includes('You may not use')) return 'sudo usermod -aG kvm $USER';
  if (!reason.includes('has no /dev/kvm')) return undefined;
  const flags = await readFile('/proc/cpuinfo', 'utf8').catch(() => '');
  const module = /\bvmx\b/.test(flags) ? 'kvm_intel' : /\bsvm\b/.test(flags) ? 'kvm_amd' : undefined;
  return module && `${process.getuid?.() === 0 ? '' : 'sudo '}modprobe ${module}`;
}

function lowerFirst(text: string): string {
  return text.replace(/^[A-Z](?=[a-z ])/, (first) => first.toLowerCase());
}

/** PB004 */
export async function checkEmulation(e: Examination): Promise<Outcome> {
  const { usable } = await from('PB003', e.acceleration);
  if (usable) return { status: 'ok', finding: `Not needed: guests run under ${accelerator}` };
  const emulator = await e.emulator;
  if (emulator === undefined) throw new UnknownBecauseOf('PB002', undefined);
  const { text, major } = await emulatorVersion(emulator, e.signal);
  // Before 8.0 cmpxchg16b spoils the flags when several CPUs are emulated in parallel; Linux uses it from 6.4 on.
  if (hostArchitecture === 'x86_64' && major < 8) {
    return {
      status: 'warning',
      finding: `QEMU ${text} emulates cmpxchg16b wrongly (before 8.0): guests with more than one CPU and Linux 6.4 or newer may panic`,
      fix: 'podman-bootc run --cpus 1 IMAGE',
    };
  }
  return { status: 'ok', finding: `QEMU ${text} has no known fault that matters` };
}

/** PB005 */
export async function checkFirmware(e: Examination): Promise<Outcome> {
  const capabilities = await from('PB002', e.capabilities);
  if (capabilities.firmwares.includes('efi')) return { status: 'ok', finding: 'libvirt finds UEFI firmware' };
  const boots = chooseFirmware(capabilities, hostArchitecture) === 'bios';
  return {
    status: boots ? 'warning' : 'failure',
    finding: boots
      ? 'libvirt finds no UEFI firmware: VMs boot by BIOS, which not every image can'
      : 'libvirt finds no UEFI firmware, and nothing else boots here',
    fix: installCommand('firmware', e.family),
  };
}

/** PB006. libvirt needs all three programs (src/util/virtpm.c), and we give a VM a TPM when there is swtpm. */
export async function checkTpm(e: Examination): Promise<Outcome> {
  const programs = ['swtpm', 'swtpm_setup', 'swtpm_ioctl'];
  const paths = await Promise.all(programs.map((program) => findProgram(program)));
  const missing = programs.filter((_, index) => paths[index] === undefined);
  if (missing.length === 0) {
    const capabilities = await from('PB002', e.capabilities);
    return {
      status: 'ok',
      finding: chooseTpm(capabilities, true)
        ? `VMs get a TPM (${paths[0] ?? ''})`
        : 'VMs get no TPM: this QEMU or libvirt cannot emulate one',
    };
  }
  const half = paths[0] !== undefined;
  return {
    status: half ? 'failure' : 'warning',
    finding: half
      ? `swtpm is not complete, and VMs with a TPM do not start: ${missing.join(' and ')} not found in PATH`
      : 'VMs get no TPM: swtpm was not found in PATH',
    fix: installCommand('swtpm', e.family),
  };
}

/** PB007 */
export async function checkNetwork(e: Examination): Promise<Outcome> {
  const capabilities = await from('PB002', e.capabilities);
  const passt = await findProgram('passt');
  const listed = chooseNetwork(capabilities) === 'passt';
  if (listed && passt !== undefined)
    return { status: 'ok', finding: `VMs get their network from passt (${passt})` };
  const why = listed ? 'passt was not found in PATH' : 'this libvirt cannot use passt';
  const fix = listed ? installCommand('passt', e.family) : undefined;
  const { all } = await runProcess(capabilities.emulator, ['-netdev', 'help'], {
    signal: e.signal,
    killDelay: 500,
  });
  // RHEL's QEMU is built without slirp.
  if (!/^user$/m.test(all))
    return {
      status: 'failure',
      finding: `VMs have no network: ${why}, and QEMU was built without slirp`,
      fix,
    };
  return { status: listed ? 'warning' : 'ok', finding: `VMs get their network from slirp: ${why}`, fix };
}
