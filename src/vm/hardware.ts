import { probeHvf, probeKvm } from '../accelerator/index.js';
import { machineFor } from '../domain/build.js';
import { parseDomainCapabilities, type DomainCapabilities } from '../domain/capabilities.js';
import { messageOf, PodmanBootcError } from '../errors.js';
import { makeDirectory } from './directories.js';
import type { Host } from './host.js';

export type Architecture = 'x86_64' | 'aarch64';
export type DomainType = 'kvm' | 'qemu' | 'hvf';
/** `auto` takes hardware virtualization only where a guest really runs under it. */
export type AcceleratorPreference = 'auto' | 'kvm' | 'tcg';

/** What a VM will run on. */
export interface Hardware {
  arch: Architecture;
  domainType: DomainType;
  capabilities: DomainCapabilities;
}

/**
 * QEMU's architecture for an image's.
 * @throws PodmanBootcError `ARCHITECTURE_UNSUPPORTED`
 */
export function architectureOf(imageArchitecture: string): Architecture {
  if (imageArchitecture === 'amd64') return 'x86_64';
  if (imageArchitecture === 'arm64') return 'aarch64';
  throw new PodmanBootcError(
    'image',
    'ARCHITECTURE_UNSUPPORTED',
    `Expected an image for amd64 or arm64, got one for ${JSON.stringify(imageArchitecture)}`,
    { remedy: 'Use an image for amd64 or arm64' },
  );
}

/**
 * Decides what a VM runs on: QEMU as libvirt has it, and whether guests can be accelerated. Says so when
 * they cannot.
 * @throws PodmanBootcError `QEMU_NOT_FOUND`, `KVM_UNUSABLE`
 */
export async function chooseHardware(
  host: Host,
  arch: Architecture,
  preference: AcceleratorPreference,
  signal?: AbortSignal,
): Promise<Hardware> {
  const emulated = await domainCapabilities(host, arch, 'qemu');
  if (preference === 'tcg') return { arch, domainType: 'qemu', capabilities: emulated };
  const [type, probe] =
    process.platform === 'darwin'
      ? (['hvf', await probeHvf()] as const)
      : (['kvm', await probeLinux(host, arch, emulated.emulator, signal)] as const);
  const name = type.toUpperCase();
  host.report.debug(
    `${name} probe: ${probe.usable ? 'usable' : 'unusable'}: ${probe.reason}${probe.cached ? ' (remembered)' : ''}`,
  );
  if (probe.usable)
    return { arch, domainType: type, capabilities: await domainCapabilities(host, arch, type) };
  if (preference === 'kvm') {
    throw new PodmanBootcError('host', 'KVM_UNUSABLE', `${name} cannot be used: ${probe.reason}`, {
      remedy: 'Use --accel auto or --accel tcg to emulate instead, which is several times slower',
    });
  }
  host.report.info(`Emulating the CPU (TCG, slow): ${probe.reason}`);
  return { arch, domainType: 'qemu', capabilities: emulated };
}

async function probeLinux(
  host: Host,
  arch: Architecture,
  emulator: string,
  signal: AbortSignal | undefined,
): Promise<{ usable: boolean; reason: string; cached: boolean }> {
  if (arch !== hostArchitecture) {
    const reason = `the image is for ${arch} and this host is ${hostArchitecture}`;
    return { usable: false, reason, cached: false };
  }
  await makeDirectory(host.directories.cache, host.directories);
  return probeKvm({ emulator, arch, cacheDirectory: host.directories.cache, ...(signal && { signal }) });
}

/** QEMU's architecture for guests of this host's own. */
export const hostArchitecture: Architecture = process.arch === 'arm64' ? 'aarch64' : 'x86_64';

/**
 * What libvirt's QEMU can do.
 * @throws PodmanBootcError `QEMU_NOT_FOUND`
 */
export async function domainCapabilities(
  host: Pick<Host, 'connection' | 'uri'>,
  arch: Architecture,
  virtType: DomainType,
  signal?: AbortSignal,
): Promise<DomainCapabilities> {
  try {
    return parseDomainCapabilities(
      await host.connection.getDomainCapabilities({ arch, machine: machineFor(arch), virtType, signal }),
    );
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof PodmanBootcError) throw cause;
    throw new PodmanBootcError(
      'host',
      'QEMU_NOT_FOUND',
      `libvirt (${host.uri}) has no QEMU for ${arch}: ${messageOf(cause)}`,
      {
        remedy:
          process.platform === 'darwin'
            ? 'Install it: brew install qemu'
            : `Install it: apt install ${arch === 'x86_64' ? 'qemu-system-x86' : 'qemu-system-arm'}, or dnf install qemu-kvm`,
        cause,
      },
    );
  }
}
