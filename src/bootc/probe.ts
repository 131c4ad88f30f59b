import { PodmanBootcError } from '../errors.js';
import {
  containerPatience,
  engineCommand,
  lastLine,
  runPodman,
  type PodmanEngine,
} from '../podman/engine.js';
import { configurationError } from './translate.js';

/** What an image says of itself, asked once in a container of it before the install. */
export interface ImageProbe {
  /** First line of `bootc --version`. */
  bootcVersion: string;
  /** Long options that its `bootc install to-disk --help` lists, without the dashes. */
  installOptions: ReadonlySet<string>;
  /** The root file system that its installation configuration asks for, if any. */
  defaultFilesystem: string | undefined;
  /** The boot loader that its installation configuration asks for, if any. */
  defaultBootloader: string | undefined;
  /** Whether its kernel is a unified kernel image (UKI). */
  hasUki: boolean;
  /** Whether it has bootupd with something to install, which bootc takes for GRUB. */
  hasBootupd: boolean;
  hasSystemdBoot: boolean;
  /** File systems it has a mkfs for. */
  filesystems: string[];
  /** systemd's version; it takes credentials over SMBIOS from 252. */
  systemdVersion: number | undefined;
  /** The account asked for, when the image has it. */
  account: { user: string; uid: number; gid: number; home: string } | undefined;
}

/** The file systems that bootc can install to. */
export const filesystems = ['xfs', 'ext4', 'btrfs'] as const;

/** A constant: the only thing from outside, the user's name, arrives as $1. */
export const probeScript = `
command -v bootc >/dev/null 2>&1 || { echo '@@no-bootc'; exit 0; }
# Not everything that answers ends its last line: bootc's JSON does not.
section() { printf '\\n@@%s\\n' "$1"; }
section version; bootc --version 2>/dev/null
section help; bootc install to-disk --help 2>&1
section configuration; bootc install print-configuration 2>/dev/null ||
  { section rejected; bootc install print-configuration 2>&1 >/dev/null; }
# Where bootc itself looks for a UKI and for what bootupd installs.
section boot
for f in /boot/EFI/Linux/*.efi; do [ -e "$f" ] && echo uki; done
command -v bootupctl >/dev/null 2>&1 && [ -e /usr/lib/bootupd/updates ] && echo bootupd
for f in /usr/lib/systemd/boot/efi/systemd-boot*.efi*; do [ -e "$f" ] && echo systemd-boot; done
section filesystems; for f in ${filesystems.join(' ')}; do command -v "mkfs.$f" >/dev/null 2>&1 && echo "$f"; done
section systemd; { systemctl --version || /usr/lib/systemd/systemd --version; } 2>/dev/null | head -n 1
section account; getent passwd "$1" 2>/dev/null || grep "^$1:" /etc/passwd
exit 0
`;

/**
 * Asks an image what its bootc can do; the bootc that runs is the one inside the image, so nothing is assumed.
 * @param user the account whose home and ids are wanted
 * @throws PodmanBootcError `IMAGE_WITHOUT_BOOTC`, `IMAGE_UNUSABLE`, `INSTALL_CONFIGURATION_INVALID`
 */
export async function probeImage(
  engine: PodmanEngine,
  reference: string,
  user: string,
  signal?: AbortSignal,
): Promise<ImageProbe> {
  const result = await runPodman(
    engine,
    // prettier-ignore
    ['run', '--rm', '--pull', 'never', '--network', 'none', '--user', '0:0', '--entrypoint', 'sh', reference, '-c', probeScript, 'sh', user],
    { signal, timeout: containerPatience },
  );
  // 127 is podman's for "not found": an image without even a shell.
  if (result.exitCode === 127) throw withoutBootc(reference, result.stderr);
  if (result.exitCode !== 0) {
    throw new PodmanBootcError(
      'image',
      'IMAGE_UNUSABLE',
      `A container of ${reference} could not be run: ${lastLine(result.stderr)}`,
      { remedy: `Try \`${engineCommand(engine)} run --rm ${reference} true\``, output: result.stderr },
    );
  }
  return parseProbe(reference, result.stdout, user);
}

function withoutBootc(reference: string, output?: string): PodmanBootcError {
  return new PodmanBootcError(
    'image',
    'IMAGE_WITHOUT_BOOTC',
    `The image ${reference} has no bootc inside, so it cannot be installed to a disk`,
    {
      remedy: 'Use a bootable container image, such as quay.io/fedora/fedora-bootc:42, or one built FROM it',
      output,
    },
  );
}

/**
 * Reads the output of the probe's script.
 * @throws PodmanBootcError `IMAGE_WITHOUT_BOOTC`, `INSTALL_CONFIGURATION_INVALID`
 */
export function parseProbe(reference: string, output: string, user: string): ImageProbe {
  const sections = new Map<string, string>();
  for (const part of output.split(/^@@/m).slice(1)) {
    const [name = '', ...rest] = part.split('\n');
    sections.set(name.trim(), rest.join('\n').trim());
  }
  if (sections.has('no-bootc')) throw withoutBootc(reference);
  const rejected = configurationError(reference, sections.get('rejected') ?? '');
  if (rejected) throw rejected;
  const boot = (sections.get('boot') ?? '').split('\n');
  const configuration = parseConfiguration(sections.get('configuration') ?? '');
  const options = new Set(
    [...(sections.get('help') ?? '').matchAll(/(?<![\w-])--([a-z][a-z0-9-]+)/g)].map(
      (match) => match[1] ?? '',
    ),
  );
  const systemd = /^systemd (\d+)/m.exec(sections.get('systemd') ?? '')?.[1];
  return {
    bootcVersion: sections.get('version')?.split('\n')[0] ?? '',
    installOptions: options,
    ...configuration,
    hasUki: boot.includes('uki'),
    hasBootupd: boot.includes('bootupd'),
    hasSystemdBoot: boot.includes('systemd-boot'),
    filesystems: (sections.get('filesystems') ?? '').split('\n').filter((name) => name !== ''),
    systemdVersion: systemd === undefined ? undefined : Number(systemd),
    account: parseAccount(sections.get('account') ?? '', user),
  };
}

/**
 * `bootc install print-configuration` prints `filesystem.root.type`; older ones had `root-fs-type`. `bootloader` came with
 * bootc 1.9.
 */
function parseConfiguration(json: string): Pick<ImageProbe, 'defaultFilesystem' | 'defaultBootloader'> {
  try {
    const configuration = JSON.parse(json) as {
      filesystem?: { root?: { type?: unknown } | null } | null;
      'root-fs-type'?: unknown;
      bootloader?: unknown;
    };
    return {
      defaultFilesystem: word(configuration.filesystem?.root?.type ?? configuration['root-fs-type']),
      defaultBootloader: word(configuration.bootloader),
    };
  } catch {
    // bootc before 0.1.6 has no such command: then the image has said nothing.
    return { defaultFilesystem: undefined, defaultBootloader: undefined };
  }
}

function word(value: unknown): string | undefined {
  return typeof value === 'string' && /^[a-z][a-z0-9-]*$/.test(value) ? value : undefined;
}

function parseAccount(line: string, user: string): ImageProbe['account'] {
  const [name, , uid, gid, , home] = line.split('\n')[0]?.split(':') ?? [];
  if (name !== user || home === undefined || !/^\d+$/.test(uid ?? '') || !/^\d+$/.test(gid ?? ''))
    return undefined;
  return { user, uid: Number(uid), gid: Number(gid), home };
}
