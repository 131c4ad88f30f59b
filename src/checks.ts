/** What `podman-bootc doctor` looks at, under a stable id: ids are never given a new meaning. */
interface CheckDescription {
  /** The word for it in the table. */
  subject: string;
  /** What is looked at, in one sentence without its full stop. */
  about: string;
  /** Whether `run` is impossible without it; otherwise the worst is a warning. */
  needed: boolean;
}

/** All checks, in the order in which they are shown. */
export const checks = {
  PB001: {
    subject: 'libvirt',
    about: 'libvirt answers, and on this host: URI, driver, daemon, version',
    needed: true,
  },
  PB002: {
    subject: 'QEMU',
    about: "libvirt has a QEMU for this host's architecture",
    needed: true,
  },
  PB003: {
    subject: 'virtualization',
    about:
      "a test guest runs under KVM (on macOS: HVF), which libvirt's QEMU may use; otherwise the CPU is emulated",
    needed: false,
  },
  PB004: {
    subject: 'emulation',
    about: 'where the CPU is emulated: a QEMU that does so without known faults (8 or newer)',
    needed: false,
  },
  PB005: {
    subject: 'firmware',
    about: 'libvirt finds UEFI firmware (x86_64 also boots by BIOS)',
    needed: true,
  },
  PB006: { subject: 'swtpm', about: 'VMs get an emulated TPM', needed: false },
  PB007: { subject: 'passt', about: 'VMs get their network from passt, otherwise from slirp', needed: false },
  PB008: {
    subject: 'virtiofsd',
    about:
      'VMs get directories of this host, and podman machines on Linux can share them (podman 5.2 and newer)',
    needed: false,
  },
  PB009: { subject: 'qemu-img', about: 'disks of VMs can be made', needed: true },
  PB010: { subject: 'podman', about: 'the podman client is installed and answers', needed: true },
  PB011: {
    subject: 'rootful podman',
    about: 'the podman that would install images answers as root',
    needed: true,
  },
  PB012: { subject: 'machines', about: 'podman machines and connections, and their state', needed: false },
  PB013: {
    subject: 'shares',
    about: 'the machine that would install sees the cache directory and may write to it',
    needed: true,
  },
  PB014: { subject: 'loop devices', about: 'bootc can install to a file on this host', needed: true },
  PB015: {
    subject: 'data directory',
    about: 'disks of VMs can be written: permission, space, sparse files, reflinks',
    needed: true,
  },
  PB016: {
    subject: 'cache directory',
    about: 'images can be installed there (base disks): permission, space, sparse files, reflinks',
    needed: true,
  },
  PB017: {
    subject: 'locks',
    about: "the directory of the locks can be written, and is nobody else's",
    needed: true,
  },
  PB018: { subject: 'SSH client', about: 'ssh, ssh-keygen and scp are installed', needed: true },
  PB019: { subject: 'ISO tool', about: '`run --cloudinit` can make its data source', needed: false },
  PB020: {
    subject: 'namespaces',
    about: "bootc may enter the namespaces of this host's process 1",
    needed: false,
  },
  PB021: { subject: 'udev', about: 'udev runs, which bootc waits for', needed: false },
  PB022: { subject: 'GPT', about: 'the kernel reads the partition table that bootc writes', needed: false },
  PB023: { subject: 'vfat', about: 'the kernel mounts the EFI system partition', needed: false },
  PB024: {
    subject: 'fs-verity',
    about: "what bootc's composefs backend needs on ext4 (CONFIG_FS_VERITY)",
    needed: false,
  },
  PB025: {
    subject: 'left behind',
    about: 'each VM whose disk or keys are here has its domain in libvirt, and no record is damaged',
    needed: false,
  },
} as const satisfies Readonly<Record<string, CheckDescription>>;

/** The id of a check, such as `PB003`. */
export type CheckId = keyof typeof checks;

/** All ids, in order. */
export const checkIds = Object.keys(checks) as CheckId[];

/** Which check tells more about a program that is missing. */
export const checkOfProgram: Readonly<Partial<Record<string, CheckId>>> = {
  podman: 'PB010',
  'qemu-img': 'PB009',
  scp: 'PB018',
  ssh: 'PB018',
  'ssh-keygen': 'PB018',
};
