import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { parseDomainCapabilities, type DomainCapabilities } from '../../src/domain/capabilities.js';
import type { VmMetadata } from '../../src/domain/metadata.js';
import { PodmanBootcError } from '../../src/errors.js';

/** This folder in the source tree: the compiler doesn't copy what isn't TypeScript. */
const here = new URL('../../../test/domain/', import.meta.url);

export const goldenDirectory = fileURLToPath(new URL('golden/', here));

/** What a libvirt once said; `fixtures/README.md` tells where each comes from. */
export function fixture(name: string): string {
  return readFileSync(new URL(`fixtures/${name}`, here), 'utf8');
}

type Arch = 'x86_64' | 'aarch64';

/** Capabilities of TCG as libvirt 9.0 reports them. */
export function emulated(arch: Arch): DomainCapabilities {
  return parseDomainCapabilities(fixture(`domcaps-9.0-${arch}-${arch === 'x86_64' ? 'q35' : 'virt'}.xml`));
}

/** The same for KVM and HVF, which the machine that the fixtures come from does not have. */
export function accelerated(arch: Arch, virtType: 'kvm' | 'hvf'): DomainCapabilities {
  return { ...emulated(arch), virtType, cpuModes: ['host-passthrough', 'host-model', 'custom'] };
}

/** The record of a VM of an image. */
export const metadata: VmMetadata & Required<Pick<VmMetadata, 'image' | 'install'>> = {
  image: {
    reference: 'quay.io/fedora/fedora-bootc:42',
    id: '5'.repeat(64),
    digest: `sha256:${'d'.repeat(64)}`,
  },
  install: { podman: 'local', filesystem: 'xfs', rootSizeMax: 8_589_934_592, bootcVersion: '1.1.6' },
  disk: { path: '/srv/vm/disk.qcow2', size: 10_737_418_240, format: 'qcow2' },
  ssh: { port: 2222, user: 'root', hostKey: 'handed-over' },
  created: '2026-08-01T12:00:00.000Z',
};

/** For assert.throws: one of our errors with that code, and that class if given. */
export function failure(code: string, failureClass?: string): (error: unknown) => boolean {
  return (error) =>
    error instanceof PodmanBootcError &&
    error.code === code &&
    (failureClass === undefined || error.failureClass === failureClass);
}
