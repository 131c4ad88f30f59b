import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

/** How packages are installed on a host. `undefined`: we do not know its packages. */
export type PackageFamily = 'debian' | 'fedora' | 'fedora-ostree' | 'macos' | undefined;

/** Names of packages; scripts/provision has the same. On macOS some things are part of the system. */
const packages = {
  libvirt: {
    debian: 'libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients',
    fedora: 'libvirt-daemon-driver-qemu libvirt-client',
    macos: 'libvirt',
  },
  qemu: {
    debian: process.arch === 'arm64' ? 'qemu-system-arm' : 'qemu-system-x86',
    fedora: 'qemu-kvm',
    macos: 'qemu',
  },
  firmware: {
    debian: process.arch === 'arm64' ? 'qemu-efi-aarch64' : 'ovmf',
    fedora: process.arch === 'arm64' ? 'edk2-aarch64' : 'edk2-ovmf',
    macos: 'qemu',
  },
  swtpm: { debian: 'swtpm swtpm-tools', fedora: 'swtpm swtpm-tools', macos: 'swtpm' },
  passt: { debian: 'passt', fedora: 'passt', macos: undefined },
  // Debian 12 has it in qemu-system-common; the package is from Debian 13 on.
  virtiofsd: { debian: 'virtiofsd', fedora: 'virtiofsd', macos: undefined },
  'qemu-img': { debian: 'qemu-utils', fedora: 'qemu-img', macos: 'qemu' },
  podman: { debian: 'podman', fedora: 'podman', macos: 'podman' },
  ssh: { debian: 'openssh-client', fedora: 'openssh-clients', macos: undefined },
  iso: { debian: 'xorriso', fedora: 'xorriso', macos: 'xorriso' },
} as const;

/** Something that a package brings. */
export type Installable = keyof typeof packages;

/**
 * Tells the family from os-release(5).
 * @param file its path
 */
export async function packageFamily(
  file = '/etc/os-release',
  platform: NodeJS.Platform = process.platform,
): Promise<PackageFamily> {
  if (platform === 'darwin') return 'macos';
  const text = await readFile(file, 'utf8').catch(() => '');
  const value = (key: string): string => new RegExp(`^${key}=["']?([^"'\n]*)`, 'm').exec(text)?.[1] ?? '';
  const ids = `${value('ID')} ${value('ID_LIKE')}`.split(' ');
  if (ids.includes('debian') || ids.includes('ubuntu')) return 'debian';
  // Written by ostree on the hosts whose /usr is an image; dnf cannot install there.
  if (ids.includes('fedora') || ids.includes('rhel'))
    return existsSync('/run/ostree-booted') ? 'fedora-ostree' : 'fedora';
  return undefined;
}

/** The command that installs something, or undefined where we do not know it. */
export function installCommand(
  what: Installable,
  family: PackageFamily,
  isRoot = process.getuid?.() === 0,
): string | undefined {
  const sudo = isRoot ? '' : 'sudo ';
  switch (family) {
    case 'debian':
      return `${sudo}apt install ${packages[what].debian}`;
    case 'fedora':
      return `${sudo}dnf install ${packages[what].fedora}`;
    case 'fedora-ostree':
      return `${sudo}rpm-ostree install --apply-live ${packages[what].fedora}`;
    case 'macos':
      return packages[what].macos === undefined ? undefined : `brew install ${packages[what].macos}`;
    case undefined:
      return undefined;
  }
}
