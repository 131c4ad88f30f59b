import { efiSystemPartition, fallbackLoaders } from '../disk/boot.js';
import { openWithoutWaiting, sourceOf, type ByteSource } from '../disk/byte-source.js';
import { FatFileSystem, type FatEntry } from '../disk/fat.js';
import { identifyFileSystem } from '../disk/file-system.js';
import { readPartitionTable, type Partition } from '../disk/gpt.js';
import { codeOf } from '../errors.js';
import { option } from '../option-text.js';
import { formatSize, MiB } from '../sizes.js';
import { filesystems } from './probe.js';

/** What an installed disk must have to be believed. */
export interface DiskExpectation {
  architecture: 'x86_64' | 'aarch64';
  /** Of the VM that the disk is installed for; undefined where bootc was told to install no boot loader: then none is missing. */
  firmware: 'efi' | 'bios' | undefined;
  /** Type of the root file system. */
  filesystem: string;
  /** Bytes of the image, uncompressed. */
  imageSize: number;
}

/** What an installed disk lacks, and what to do about it. */
export interface DiskFault {
  /** To be said of the disk: `the disk has no partition table`. */
  what: string;
  remedy: string;
}

/**
 * Looks at what an install left on its disk: a partition table, a root file system of the right type with an image in it,
 * a boot loader. bootc's exit code says little: the image may start something else, and bootc itself succeeds with a
 * boot loader that the image lacks (its issues 2265 and 2486).
 * @returns the first thing that is missing; undefined for a disk that has everything. Damage of any kind is missing, too.
 */
export async function verifyDisk(path: string, expected: DiskExpectation): Promise<DiskFault | undefined> {
  try {
    await using file = await openWithoutWaiting(path);
    const status = await file.stat();
    if (!status.isFile()) return nothingWritten('is no longer a regular file');
    return await verify(sourceOf(file, status.size), status.blocks * 512, expected);
  } catch (error) {
    const code = codeOf(error);
    if (code === undefined) throw error;
    return nothingWritten(code === 'ENOENT' ? 'is gone' : `cannot be read (${code})`);
  }
}

async function verify(
  disk: ByteSource,
  allocated: number,
  expected: DiskExpectation,
): Promise<DiskFault | undefined> {
  const table = await readPartitionTable(disk);
  if (typeof table === 'string') return nothingWritten(table);
  if (table.sectorSize !== 512) {
    // A loop device with direct I/O takes the sectors of the disk below it; those of the VM's disk have 512 bytes.
    return {
      what: `the disk is partitioned in sectors of ${table.sectorSize} bytes, and a VM's disk has sectors of 512`,
      remedy: `Build it on another disk of the podman host, with ${option('scratch', 'DIRECTORY')}`,
    };
  }
  const fault = await verifyRoot(table.partitions, allocated, expected);
  if (fault || expected.firmware === undefined) return fault;
  return expected.firmware === 'efi'
    ? await verifyEfi(table.partitions, expected.architecture)
    : verifyBios(table.hasBootCode);
}

function nothingWritten(what: string): DiskFault {
  return {
    what: `the disk ${what}`,
    remedy: 'Look at its output: what the image has as its `bootc` did not write a whole disk',
  };
}

// ---- the root file system ---------------------------------------------------------------------------

// Discoverable Partitions Specification, and UEFI Specification 2.10, table 5-7.
const partitionTypes = {
  esp: efiSystemPartition,
  root: {
    x86_64: '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709',
    aarch64: 'B921B045-1DF0-41C3-AF44-4C6F280D3FAE',
  },
  /** What bootc gave the root partition before it took the above, and gives /boot. */
  linux: '0FC63DAF-8483-4772-8E79-3D69D8477DE4',
};

/** Kinds of content behind which the root file system is not to be seen (bootc's `--block-setup tpm2-luks`). */
const opaque = ['crypto_LUKS'];

/**
 * Bytes that the root file system of an installed image takes at least. Not near the image's own size: files of one layer
 * that another replaces are counted there, ostree and composefs store equal files once, and btrfs may compress. A quarter
 * tells a tiny image from an empty file system; and with kernel, initramfs and systemd no installed system is under 64 MiB,
 * so that more is not asked of any. An install that ended in the middle of the copy lacks the boot loader, which comes last.
 */
function leastContent(imageSize: number): number {
  return Math.min(imageSize / 4, 64 * MiB);
}

async function verifyRoot(
  partitions: readonly Partition[],
  allocated: number,
  { architecture, filesystem, imageSize }: DiskExpectation,
): Promise<DiskFault | undefined> {
  const root = rootPartition(partitions, architecture);
  if (!root) return nothingWritten(`has no root partition for ${architecture}`);
  const found = await identifyFileSystem(root.content);
  if (!found) return nothingWritten('has no file system in its root partition');
  const isOpaque = opaque.includes(found.type);
  if (!isOpaque && found.type !== filesystem) {
    return {
      what: `the root partition holds ${found.type} instead of ${filesystem}`,
      remedy: filesystems.some((type) => type === found.type)
        ? `Ask for what the image makes, with ${option('filesystem', found.type)}`
        : 'Look at its output: the image partitions the disk in its own way',
    };
  }
  if (found.size !== undefined && found.size > root.content.size)
    return nothingWritten('has a root file system that is larger than its partition');
  const used = isOpaque ? allocated : (found.used ?? 0);
  if (used >= leastContent(imageSize)) return undefined;
  return {
    what: `the root file system holds ${formatSize(used)} only, of an image of ${formatSize(imageSize)}`,
    remedy: 'Look at its output; BOOTC_INSTALL_LOG=debug makes bootc say more',
  };
}

/** By its type; where there is none of that type, the largest file system of Linux (bootc makes /boot small). */
function rootPartition(
  partitions: readonly Partition[],
  architecture: DiskExpectation['architecture'],
): Partition | undefined {
  return (
    partitions.find(({ type }) => type === partitionTypes.root[architecture]) ??
    partitions
      .filter(({ type }) => type === partitionTypes.linux)
      .sort((a, b) => b.content.size - a.content.size)[0]
  );
}

// ---- what boots it ----------------------------------------------------------------------------------

/** shim and what comes with it: none of them starts a system by itself. */
const shimFiles = /^(shim|fb|mm)(x64|aa64)[^.]*\.efi$/i;

async function verifyEfi(
  partitions: readonly Partition[],
  architecture: DiskExpectation['architecture'],
): Promise<DiskFault | undefined> {
  const systemPartitions = partitions.filter(({ type }) => type === partitionTypes.esp);
  let fault = withoutLoader('the disk has no EFI system partition');
  for (const { content } of systemPartitions) {
    const missing = await missingLoader(content, fallbackLoaders[architecture]);
    if (missing === undefined) return undefined;
    fault = withoutLoader(missing);
  }
  return fault;
}

function withoutLoader(what: string): DiskFault {
  return {
    what,
    remedy: 'Add a boot loader to the image: bootupd with shim and GRUB for UEFI, or systemd-boot',
  };
}

async function missingLoader(content: ByteSource, name: string): Promise<string | undefined> {
  const fat = await FatFileSystem.open(content);
  if (!fat) return 'the EFI system partition holds no FAT file system';
  const path = `EFI/BOOT/${name}`;
  const loader = await fat.find('EFI', 'BOOT', name);
  if (!loader || loader.isDirectory) return `the EFI system partition has no boot loader ${path}`;
  if ((await fat.head(loader, 2)).toString('latin1') !== 'MZ')
    return `${path} in the EFI system partition is no EFI program`;
  const programs = (await programsIn(fat)).filter(({ name: each }) => each.toUpperCase() !== name);
  const isShim = programs.some(({ name: each }) => shimFiles.test(each));
  // bootupd installs shim alone where the loader behind it is missing (bootc's issue 2265).
  return isShim && programs.every(({ name: each }) => shimFiles.test(each))
    ? 'the EFI system partition has shim, and no boot loader that shim could start'
    : undefined;
}

/** All programs in the directories of EFI; more than a few dozen of these are no boot loaders'. */
async function programsIn(fat: FatFileSystem): Promise<FatEntry[]> {
  const directories = (await fat.list(await fat.find('EFI')))
    .filter(({ isDirectory, name }) => isDirectory && !/^\.\.?$/.test(name))
    .slice(0, 64);
  const programs: FatEntry[] = [];
  for (const directory of directories) {
    const files = await fat.list(directory);
    programs.push(...files.filter(({ isDirectory, name }) => !isDirectory && /\.efi$/i.test(name)));
  }
  return programs;
}

function verifyBios(hasBootCode: boolean): DiskFault | undefined {
  if (hasBootCode) return undefined;
  return {
    what: 'the disk has no boot code for BIOS',
    remedy: `Add bootupd with GRUB for BIOS to the image, or use ${option('firmware', 'efi')}`,
  };
}
