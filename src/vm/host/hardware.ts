import { onlyUserOf, probeHvf, probeKvm, type AcceleratorProbe } from '../../accelerator/index.js';
import { machineFor } from '../../domain/build.js';
import {
  parseDomainCapabilities,
  parseHostCapabilities,
  type DomainCapabilities,
} from '../../domain/capabilities.js';
import { messageOf, PodmanBootcError } from '../../errors.js';
import { option } from '../../option-text.js';
import type { Connection } from '../../libvirt/index.js';
import type { AcceleratorPreference } from './accelerator-preference.js';
import { makeDirectory } from './directories.js';
import type { Host } from './host.js';

export type Architecture = 'x86_64' | 'aarch64';
export type DomainType = 'kvm' | 'qemu' | 'hvf';

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
  const type = process.platform === 'darwin' ? 'hvf' : 'kvm';
  await makeDirectory(host.directories.cache, host.directories);
  const probe = await probeAcceleration({
    arch,
    emulator: emulated.emulator,
    connection: host.connection,
    cacheDirectory: host.directories.cache,
    ...(signal && { signal }),
  });
  const name = type.toUpperCase();
  host.report.debug(
    `${name} probe: ${probe.usable ? 'usable' : 'unusable'}: ${probe.reason}${probe.cached ? ' (remembered)' : ''}`,
  );
  if (probe.usable)
    return { arch, domainType: type, capabilities: await domainCapabilities(host, arch, type) };
  if (preference === 'kvm') {
    throw new PodmanBootcError('host', 'KVM_UNUSABLE', `${name} cannot be used: ${probe.reason}`, {
      remedy: `Use ${option('accelerator', 'auto')} or ${option('accelerator', 'tcg')} to emulate instead, which is several times slower`,
    });
  }
  host.report.info(`Emulating the CPU (TCG, slow): ${probe.reason}`);
  return { arch, domainType: 'qemu', capabilities: emulated };
}

/**
 * Whether guests can be accelerated here: by HVF on macOS, by KVM elsewhere.
 * @param o.emulator absolute path of QEMU for the architecture
 * @param o.connection the libvirt that will start the guests; without it, the user of its QEMU is not looked at
 * @param o.cacheDirectory where to remember what a test guest showed; without it one runs, and nothing is remembered
 */
export async function probeAcceleration(o: {
  arch: Architecture;
  emulator: string;
  connection?: Pick<Connection, 'getCapabilities'> | undefined;
  cacheDirectory?: string;
  signal?: AbortSignal;
}): Promise<AcceleratorProbe> {
  if (process.platform === 'darwin') return probeHvf();
  if (o.arch !== hostArchitecture) {
    const reason = `the image is for ${o.arch} and this host is ${hostArchitecture}`;
    return { usable: false, reason, cached: false };
  }
  const forbidden = o.connection && (await whyLibvirtMayNotUseKvm(o.connection));
  if (forbidden) return { usable: false, ...forbidden, cached: false };
  return probeKvm(o);
}

/**
 * On hosts where no udev gives /dev/kvm to its group, root may open it and the user of libvirt's QEMU may not. libvirt
 * 9.0 then takes what it knows of QEMU for out of date at every look, and asks QEMU anew: a definition takes a minute.
 */
async function whyLibvirtMayNotUseKvm(
  connection: Pick<Connection, 'getCapabilities'>,
): Promise<{ reason: string; fix: string } | undefined> {
  const onlyUser = await onlyUserOf();
  if (onlyUser === undefined) return undefined;
  const { qemuUser } = parseHostCapabilities(await connection.getCapabilities());
  if (qemuUser === undefined || qemuUser === onlyUser) return undefined;
  const fix = 'chgrp kvm /dev/kvm && chmod 660 /dev/kvm';
  return {
    reason: `/dev/kvm is closed to the user that libvirt runs QEMU as (uid ${qemuUser}), and libvirt may then take a minute to define a VM; \`${fix}\` opens it`,
    fix,
  };
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
