import type { DomainSpecification } from '../../src/domain/build.js';
import { accelerated, emulated, metadata } from './support.js';

/** The plainest VM on a host with TCG only. */
export function specification(changes: Partial<DomainSpecification> = {}): DomainSpecification {
  const arch = changes.arch ?? 'x86_64';
  const domainType = changes.domainType ?? 'qemu';
  return {
    name: 'fedora',
    uuid: '6a5f0a6e-6c7d-4c0f-9d3a-0123456789ab',
    arch,
    domainType,
    cpus: 2,
    memory: 2_147_483_648,
    disk: { path: '/srv/vm/disk.raw', format: 'raw' },
    consoleLog: '/srv/vm/console.log',
    sshPort: 2222,
    network: 'slirp',
    firmware: arch === 'aarch64' ? 'efi' : 'bios',
    tpm: false,
    credentials: { smbios: { 'tmpfiles.extra': 'd /root/.ssh 0700 - - -\n' }, files: {} },
    metadata,
    capabilities: domainType === 'qemu' ? emulated(arch) : accelerated(arch, domainType),
    ...changes,
  };
}

const overlay: Partial<DomainSpecification> = {
  disk: {
    path: '/srv/vm/disk.qcow2',
    format: 'qcow2',
    backing: { path: '/srv/base/base.raw', format: 'raw' },
  },
};

const cloudInit: Partial<DomainSpecification> = {
  cloudInitIso: '/srv/vm/cloud-init.iso',
  metadata: { ...metadata, cloudInit: { directory: '/home/me/cloud-init' } },
};

const secretFiles: Partial<DomainSpecification> = {
  credentials: {
    smbios: { 'tmpfiles.extra': 'd /root/.ssh 0700 - - -\n', 'login.motd': 'Grüße, 世界 & <all>\n' },
    files: { 'tmpfiles.extra': '/srv/vm/credentials/tmpfiles.extra' },
  },
};

const ports: Partial<DomainSpecification> = {
  metadata: {
    ...metadata,
    ports: [
      { protocol: 'tcp', address: '127.0.0.1', hostPort: 8080, guestPort: 80 },
      { protocol: 'udp', address: '127.0.0.1', hostPort: 5353, guestPort: 53 },
      { protocol: 'tcp', address: '0.0.0.0', hostPort: 8443, guestPort: 8443 },
    ],
    hostname: 'web-1',
    origins: { cpus: 'default', ports: 'option' },
  },
};

const volumes: Partial<DomainSpecification> = {
  volumes: [
    { volume: { host: '/srv/it\'s "a" & <b>', guest: '/var/a', readOnly: false } },
    { volume: { host: '/srv/managed', guest: '/var/managed', readOnly: true } },
    { volume: { host: '/srv/own', guest: '/var/own', readOnly: true }, socket: '/srv/vm/0123abcd.f' },
  ],
  metadata: {
    ...metadata,
    volumes: [
      { host: '/srv/it\'s "a" & <b>', guest: '/var/a', readOnly: false },
      { host: '/srv/managed', guest: '/var/managed', readOnly: true },
      { host: '/srv/own', guest: '/var/own', readOnly: true },
    ],
  },
};

const everything: Partial<DomainSpecification> = {
  ...overlay,
  ...cloudInit,
  ...secretFiles,
  title: 'podman-bootc: quay.io/fedora/fedora-bootc:42',
  description: 'A VM with all we have\nin two lines',
  firmware: 'efi',
  nvram: '/srv/vm/nvram.fd',
  tpm: true,
};

/** Every variant has a golden file of its name; no two have the same content. */
export const variants: Readonly<Record<string, DomainSpecification>> = {
  'x86_64-qemu-bios-slirp': specification(),
  'x86_64-qemu-bios-passt': specification({ network: 'passt' }),
  'x86_64-qemu-ports-slirp': specification(ports),
  'x86_64-qemu-ports-passt': specification({ ...ports, network: 'passt' }),
  'x86_64-qemu-volumes': specification(volumes),
  'x86_64-qemu-efi-slirp': specification({ firmware: 'efi' }),
  'x86_64-qemu-efi-passt-everything': specification({ ...everything, network: 'passt' }),
  'x86_64-qemu-efi-slirp-everything': specification(everything),
  'x86_64-qemu-efi-secure-boot-tpm': specification({ firmware: 'efi', secureBoot: true, tpm: true }),
  'x86_64-qemu-tpm': specification({ tpm: true }),
  'x86_64-qemu-cloud-init': specification(cloudInit),
  'x86_64-qemu-agent-socket': specification({ guestAgent: { socket: '/srv/vm/agent.sock' } }),
  'x86_64-qemu-no-agent': specification({ guestAgent: 'none' }),
  'x86_64-qemu-overlay': specification(overlay),
  'x86_64-qemu-secret-files': specification(secretFiles),
  'x86_64-qemu-only-secret-files': specification({
    credentials: { smbios: {}, files: { 'tmpfiles.extra': '/srv/vm/credentials/tmpfiles.extra' } },
  }),
  'x86_64-qemu-no-credentials': specification({ credentials: { smbios: {}, files: {} } }),
  'x86_64-qemu-emulator': specification({ emulator: '/opt/qemu/bin/qemu-system-x86_64' }),
  'x86_64-qemu-no-cpu-mode': specification({ capabilities: { ...emulated('x86_64'), cpuModes: [] } }),
  'x86_64-kvm-bios-slirp': specification({ domainType: 'kvm' }),
  'x86_64-kvm-efi-passt-tpm': specification({
    domainType: 'kvm',
    firmware: 'efi',
    network: 'passt',
    tpm: true,
  }),
  'x86_64-kvm-efi-everything': specification({ ...everything, domainType: 'kvm' }),
  'x86_64-hvf-efi-slirp': specification({ domainType: 'hvf', firmware: 'efi' }),
  'aarch64-qemu-efi-slirp': specification({ arch: 'aarch64' }),
  'aarch64-qemu-efi-passt': specification({ arch: 'aarch64', network: 'passt' }),
  'aarch64-qemu-efi-slirp-everything': specification({ ...everything, arch: 'aarch64' }),
  'aarch64-qemu-secure-boot': specification({ arch: 'aarch64', secureBoot: true }),
  'aarch64-kvm-efi-passt-tpm': specification({
    arch: 'aarch64',
    domainType: 'kvm',
    network: 'passt',
    tpm: true,
  }),
  'aarch64-hvf-efi-slirp-cloud-init': specification({ ...cloudInit, arch: 'aarch64', domainType: 'hvf' }),
  'awkward-strings': specification({
    name: `it's "a" <vm> & more, with commas`,
    title: `]]> & <title> "'"`,
    description: 'tab\there\n  007 true 0x10 ]]> 🦭',
    disk: { path: `/srv/it's <a> "disk" & co, 50%.raw`, format: 'raw' },
    cloudInitIso: '/srv/cloud & init, <1>.iso',
    consoleLog: `/srv/"console"'s <log>, 1.log`,
    credentials: { smbios: { '007': 'true' }, files: { 'passwd.hashed-password.root': '/srv/a "b" & <c>' } },
    metadata: {
      ...metadata,
      image: { reference: `localhost/<&>"'/0x10:007`, id: '0'.repeat(64) },
      install: { podman: `it's "<remote>" & co` },
      disk: { path: `/srv/it's <a> "disk" & co, 50%.raw`, size: 1, format: 'raw' },
    },
  }),
};
