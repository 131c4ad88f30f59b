/* What the command line shows of them too: it is loaded for `--help`, so nothing large is imported here. */

/** Formats of disks as files, as their users call them. */
export const fileFormats = ['raw', 'qcow2', 'vmdk', 'vhd', 'vhdx', 'vdi'] as const;
export type FileFormat = (typeof fileFormats)[number];
