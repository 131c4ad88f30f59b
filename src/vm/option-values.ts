import { PodmanBootcError } from '../errors.js';
import { formatSize, GiB, MiB } from '../sizes.js';

/* What the command line shows of values too: it is loaded for `--help`, so nothing large is imported here. */

export const firmwares = ['efi', 'bios'] as const;
export type Firmware = (typeof firmwares)[number];

/** The format of a VM's disk; `auto` is an overlay, which every file system can hold. */
export const diskFormatPreferences = ['auto', 'qcow2', 'raw'] as const;
export type DiskFormatPreference = (typeof diskFormatPreferences)[number];

export const defaultCpus = 2;
/** Bytes. */
export const defaultMemory = 2 * GiB;

/**
 * Named sizes: the U series of KubeVirt's common instance types (kubevirt/common-instancetypes, instancetypes/u/1/sizes.yaml
 * at 2080c40). Memory is in bytes.
 */
export const instanceTypes = {
  'u1.nano': { cpus: 1, memory: 512 * MiB },
  'u1.micro': { cpus: 1, memory: GiB },
  'u1.small': { cpus: 1, memory: 2 * GiB },
  'u1.medium': { cpus: 1, memory: 4 * GiB },
  'u1.2xmedium': { cpus: 2, memory: 4 * GiB },
  'u1.large': { cpus: 2, memory: 8 * GiB },
  'u1.xlarge': { cpus: 4, memory: 16 * GiB },
  'u1.2xlarge': { cpus: 8, memory: 32 * GiB },
  'u1.4xlarge': { cpus: 16, memory: 64 * GiB },
  'u1.8xlarge': { cpus: 32, memory: 128 * GiB },
} as const;
export type InstanceType = keyof typeof instanceTypes;
export const instanceTypeNames = Object.keys(instanceTypes) as InstanceType[];

const minimumMemory = 128 * MiB;

/** What begins the name of each label by which an image says what its VMs need. */
export const labelPrefix = 'io.podman-bootc.';

/** The label for an option, behind the prefix: `disk-size` for `diskSize`. */
export function labelName(option: string): string {
  return option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/**
 * Reads a count as it is written on command lines and in labels.
 * @param what what it was given with, for the message
 * @throws PodmanBootcError `COUNT_INVALID`
 */
export function parseCount(word: string, what: string): number {
  const count = /^\d+$/.test(word) ? Number(word) : NaN;
  checkCount(count, what, `'${word}'`);
  return count;
}

/**
 * Checks a count: a whole number from 1 on, of at most six digits.
 * @param what what it was given with, for the message
 * @param shown how it was written
 * @throws PodmanBootcError `COUNT_INVALID`
 */
export function checkCount(count: number, what: string, shown = String(count)): void {
  if (Number.isInteger(count) && count >= 1 && count < 1_000_000) return;
  throw new PodmanBootcError(
    'usage',
    'COUNT_INVALID',
    `Expected ${what} to be a whole number from 1 on, got ${shown}`,
    { remedy: `For example ${what} 2` },
  );
}

/** @throws PodmanBootcError `MEMORY_INVALID` */
export function checkMemory(memory: number, what: string): void {
  if (Number.isSafeInteger(memory) && memory >= minimumMemory) return;
  throw new PodmanBootcError(
    'usage',
    'MEMORY_INVALID',
    `Expected ${what} to be at least ${formatSize(minimumMemory)}, got ${formatSize(memory)}`,
    { remedy: `A number without a suffix is bytes; write for example ${what} 2G` },
  );
}

/** @throws PodmanBootcError `DISK_FORMAT_INVALID` */
export function checkDiskFormat(value: string, what: string): void {
  if (diskFormatPreferences.some((format) => format === value)) return;
  throw new PodmanBootcError(
    'usage',
    'DISK_FORMAT_INVALID',
    `Expected ${what} to be auto, qcow2 or raw, got '${value}'`,
    { remedy: 'Leave it out for an overlay that is made at once on every file system' },
  );
}

/** @throws PodmanBootcError `CHOICE_INVALID` */
export function checkChoice(value: unknown, what: string, choices: readonly (string | boolean)[]): void {
  if (choices.some((choice) => choice === value)) return;
  throw new PodmanBootcError(
    'usage',
    'CHOICE_INVALID',
    `Expected ${what} to be ${choices.slice(0, -1).join(', ')} or ${choices.at(-1) ?? ''}, got ${JSON.stringify(value)}`,
  );
}
