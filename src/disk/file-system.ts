import type { ByteSource } from './byte-source.js';

/** What a partition holds, by its superblock. */
export interface FileSystem {
  /** As `mount` and `lsblk` call it. */
  type: string;
  /** Bytes from its beginning to its end; undefined for what is not looked into. */
  size?: number;
  /** Bytes that files take, without what an empty one of that size takes; undefined for what is not looked into. */
  used?: number;
}

/**
 * Recognises ext2, ext3, ext4, xfs and btrfs, and those that hold a file system which cannot be seen: LUKS, LVM, bcachefs.
 * @returns undefined for anything else
 */
export async function identifyFileSystem(source: ByteSource): Promise<FileSystem | undefined> {
  const head = await source.read(0, 8192);
  if (head.toString('latin1', 0, 6) === 'LUKS\xba\xbe') return { type: 'crypto_LUKS' };
  if (head.toString('latin1', 0, 4) === 'XFSB') return xfs(head);
  // lvm2, lib/format_text/layout.h: in one of the first four sectors.
  for (let offset = 0; offset < 2048; offset += 512) {
    if (head.toString('latin1', offset, offset + 8) === 'LABELONE') return { type: 'LVM2_member' };
  }
  // bcachefs, fs/bcachefs/bcachefs_format.h: BCHFS_MAGIC behind checksum and version.
  if (head.toString('hex', 4120, 4136) === 'c68573f666ce90a9d96a60cf803df7ef') return { type: 'bcachefs' };
  if (head.readUInt16LE(1024 + 56) === 0xef53) return ext(head.subarray(1024, 2048));
  const btrfs = await source.read(65_536, 512);
  if (btrfs.toString('latin1', 64, 72) === '_BHRfS_M') {
    // Linux, include/uapi/linux/btrfs_tree.h: struct btrfs_super_block.
    return { type: 'btrfs', size: number64(btrfs, 112), used: number64(btrfs, 120) };
  }
  return undefined;
}

function number64(buffer: Buffer, offset: number): number {
  return Number(buffer.readBigUInt64LE(offset));
}

/** Linux, fs/xfs/libxfs/xfs_format.h: struct xfs_dsb. The log is the only thing of size in an empty one. */
function xfs(superblock: Buffer): FileSystem {
  const blockSize = superblock.readUInt32BE(4);
  const blocks = Number(superblock.readBigUInt64BE(8));
  const free = Number(superblock.readBigUInt64BE(144));
  const isLogInside = superblock.readBigUInt64BE(48) !== 0n;
  const log = isLogInside ? superblock.readUInt32BE(96) : 0;
  return { type: 'xfs', size: blocks * blockSize, used: Math.max(0, blocks - free - log) * blockSize };
}

/** Features that ext3 has; whoever has others is ext4. */
const ext3Features = { journal: 0x4, incompatible: 0x2 | 0x4 | 0x10, readOnly: 0x1 | 0x2 | 0x4 };

/** Linux, Documentation/filesystems/ext4/super.rst. */
function ext(superblock: Buffer): FileSystem {
  const number = (offset: number): number => superblock.readUInt32LE(offset);
  const blockSize = 1024 * 2 ** Math.min(number(24), 6);
  const incompatible = number(96);
  const is64Bit = (incompatible & 0x80) !== 0;
  const high = (offset: number): number => (is64Bit ? number(offset) * 2 ** 32 : 0);
  const blocks = number(4) + high(0x150);
  const free = number(12) + high(0x158);
  const isExt4 =
    (incompatible & ~ext3Features.incompatible) !== 0 || (number(100) & ~ext3Features.readOnly) !== 0;
  const hasJournal = (number(92) & ext3Features.journal) !== 0;
  return {
    type: isExt4 ? 'ext4' : hasJournal ? 'ext3' : 'ext2',
    size: blocks * blockSize,
    used: Math.max(0, (blocks - free) * blockSize - overhead(superblock, blocks, blockSize)),
  };
}

/** Bytes that an ext file system takes itself: as it notes, else by its inode tables, bitmaps and journal. */
function overhead(superblock: Buffer, blocks: number, blockSize: number): number {
  const noted = superblock.readUInt32LE(0x248);
  if (noted !== 0)
    return noted * blockSize * 2 ** Math.min(superblock.readUInt32LE(28) - superblock.readUInt32LE(24), 6);
  const groups = Math.ceil(blocks / Math.max(1, superblock.readUInt32LE(32)));
  const inodes =
    superblock.readUInt32LE(40) * (superblock.readUInt32LE(76) === 0 ? 128 : superblock.readUInt16LE(88));
  // A copy of the journal's inode: its size is in the last two words.
  const journal = superblock.readUInt32LE(0x10c + 64) + superblock.readUInt32LE(0x10c + 60) * 2 ** 32;
  return groups * (inodes + 2 * blockSize) + journal;
}
