import type { ByteSource } from './byte-source.js';
import { FatFileSystem } from './fat.js';
import { hasBootCode, isProtective, isSigned, mbrLength, readPartitionTable } from './gpt.js';

/** UEFI Specification 2.10, table 5-7. */
export const efiSystemPartition = 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B';

/** UEFI Specification 2.10, table 3-3: what firmware without boot entries starts, as that of a new VM does. */
export const fallbackLoaders = { x86_64: 'BOOTX64.EFI', aarch64: 'BOOTAA64.EFI' } as const;

/** What of a disk firmware could start. */
export interface BootParts {
  table: 'GPT' | 'MBR';
  /** Architectures of the boot loaders where UEFI looks for them. */
  loaders: (keyof typeof fallbackLoaders)[];
  /** Whether there is code for a BIOS to run. */
  hasBootCode: boolean;
}

/**
 * Looks for what firmware could start on a disk.
 * @returns why there can be nothing, to be said of the disk: `has no partition table`
 */
export async function readBootParts(disk: ByteSource): Promise<BootParts | string> {
  const table = await readPartitionTable(disk);
  if (typeof table === 'string') {
    const mbr = await disk.read(0, mbrLength);
    if (!isSigned(mbr) || isProtective(mbr)) return table;
    return { table: 'MBR', loaders: [], hasBootCode: hasBootCode(mbr) };
  }
  const loaders = new Set<keyof typeof fallbackLoaders>();
  for (const { type, content } of table.partitions) {
    const fat = type === efiSystemPartition ? await FatFileSystem.open(content) : undefined;
    if (!fat) continue;
    for (const architecture of ['x86_64', 'aarch64'] as const) {
      const loader = await fat.find('EFI', 'BOOT', fallbackLoaders[architecture]);
      if (loader && !loader.isDirectory) loaders.add(architecture);
    }
  }
  return { table: 'GPT', loaders: [...loaders], hasBootCode: table.hasBootCode };
}
