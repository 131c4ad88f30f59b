import type { BigIntStats } from 'node:fs';
import { access, constants, realpath, stat } from 'node:fs/promises';
import { dirname, extname, relative, resolve } from 'node:path';
import { readBootParts, type BootParts } from '../../disk/boot.js';
import { openWithoutWaiting, readFully, sourceOf, type ByteSource } from '../../disk/byte-source.js';
import { qcow2Source } from '../../disk/qcow2-source.js';
import { beginsAsQcow2, readQcow2 } from '../../disk/qcow2.js';
import { readDomain } from '../../domain/edit.js';
import type { VmMetadata } from '../../domain/metadata.js';
import type { BackingDisk } from '../../domain/specification.js';
import { DamagedRecord } from '../../durable-file.js';
import { messageOf, PodmanBootcError } from '../../errors.js';
import { isLibvirtError } from '../../libvirt/index.js';
import { option } from '../../option-text.js';
import { fileIdentity, identityOf, isMissing, namesIn } from '../../paths.js';
import { runProcess } from '../../process.js';
import { formatSize } from '../../sizes.js';
import { readKeptDefinition } from '../files/kept-definition.js';
import { VmDirectory, type DiskFormat } from '../files/vm-directory.js';
import { allDirectories, vmsDirectory, type Directories } from '../host/directories.js';
import { hostArchitecture } from '../host/hardware.js';
import type { Host } from '../host/host.js';
import { qemuIsKeptFrom } from '../host/qemu-access.js';

/*
 * A disk of the user's that a VM is made of: found, looked into, and asked who else uses it. Nothing here changes it, nor who
 * may read it.
 */

/** A disk of the user's. */
export interface DiskFile {
  /** Absolute and without links. */
  path: string;
  format: DiskFormat;
  /** Bytes that the guest sees. */
  size: number;
  /** What it is an overlay of itself. */
  backing?: BackingDisk;
  /** Device and inode, by which it is the same file whatever its name. */
  identity: string;
  /** By which a change is seen later. */
  state: Pick<NonNullable<VmMetadata['source']>, 'length' | 'modified' | 'inode'>;
  boot: BootParts;
}

/** Overlays of overlays are rare; one that goes round in a circle is damaged. */
const deepestChain = 16;

/**
 * Looks at a disk that a VM is to be made of. The format is what the file is: but one that is called raw and begins as a qcow2
 * image is refused, for a guest can write such a beginning, which names any file of this host.
 * @throws PodmanBootcError `DISK_FILE_INVALID`, `DISK_FOREIGN_ARCHITECTURE`
 */
export async function readDiskFile(word: string): Promise<DiskFile> {
  const path = await realpath(word).catch((error: unknown) => {
    throw invalid(word, isMissing(error) ? 'there is none' : messageOf(error));
  });
  const { image, format, size, backing, status } = await readImage(path, word, deepestChain);
  const boot = await readBootParts(image);
  if (typeof boot === 'string') {
    throw invalid(word, `it ${boot}`, 'Name a whole disk, with its partition table, and not a partition');
  }
  if (boot.loaders.length > 0 && !boot.loaders.includes(hostArchitecture)) {
    throw new PodmanBootcError(
      'usage',
      'DISK_FOREIGN_ARCHITECTURE',
      `Expected ${option('disk')} to be a disk for ${hostArchitecture}, got '${word}', whose boot loader is for ${boot.loaders.join(' and ')}`,
      { remedy: `Use a disk for ${hostArchitecture}` },
    );
  }
  return {
    path,
    format,
    size,
    ...(backing && { backing }),
    identity: identityOf(status),
    state: stateOf(status),
    boot,
  };
}

/** From one kind of status only: times of the other are rounded otherwise. */
function stateOf(status: BigIntStats): DiskFile['state'] {
  return {
    length: Number(status.size),
    modified: status.mtime.toISOString(),
    inode: String(status.ino),
  };
}

/** An image, and what a guest finds in it. */
interface DiskImage {
  format: DiskFormat;
  size: number;
  image: ByteSource;
  status: BigIntStats;
  backing?: BackingDisk;
}

/** @param depth how many images there may be, this one counted */
async function readImage(path: string, word: string, depth: number, wanted?: DiskFormat): Promise<DiskImage> {
  if (depth === 0) throw invalid(word, `it is an overlay of ${deepestChain} others or more, or of itself`);
  try {
    const status = await stat(path, { bigint: true });
    if (!status.isFile()) throw invalid(word, `${nameIn(path, word)} is no regular file`);
    await using file = await openWithoutWaiting(path);
    const beginning = Buffer.alloc(4);
    await readFully(file, beginning, 0);
    const format = wanted ?? formatOf(path, word, beginsAsQcow2(beginning));
    if (format === 'raw') {
      if (wanted === undefined) await requireRaw(path, word);
      // The file is closed by then: each look opens it anew.
      return { format, size: Number(status.size), image: fileSource(path, Number(status.size)), status };
    }
    const header = await readQcow2(path);
    if (header.damage !== undefined)
      throw invalid(word, `${nameIn(path, word)} is damaged: ${header.damage}`);
    if (header.isEncrypted) throw invalid(word, `${nameIn(path, word)} is encrypted`);
    const below =
      header.backing === undefined
        ? undefined
        : await readBelow(path, word, { name: header.backing, format: header.backingFormat }, depth - 1);
    const image = await qcow2Source(fileSource(path, Number(status.size)), below?.image);
    if (!image)
      throw invalid(word, `${nameIn(path, word)} has features of qcow2 that podman-bootc does not know`);
    return { format, size: header.virtualSize, image, status, ...(below && { backing: below.disk }) };
  } catch (error) {
    if (error instanceof PodmanBootcError && error.code === 'DISK_FILE_INVALID') throw error;
    throw invalid(word, isMissing(error) ? `${nameIn(path, word)} is gone` : messageOf(error));
  }
}

async function readBelow(
  above: string,
  word: string,
  { name, format }: { name: string; format: string | undefined },
  depth: number,
): Promise<{ disk: BackingDisk; image: ByteSource }> {
  const path = resolve(dirname(above), name);
  if (format !== 'raw' && format !== 'qcow2') {
    throw invalid(
      word,
      `${nameIn(above, word)} is an overlay of ${name}, ${format === undefined ? 'whose format it does not name' : `which is ${format}`}`,
      `Write the format into it: qemu-img rebase -u -f qcow2 -F FORMAT -b ${name} ${above}`,
    );
  }
  const real = await realpath(path).catch(() => path);
  const { image, backing } = await readImage(real, word, depth, format);
  // Whoever made the image may have named any file of this host, which the guest would then read.
  if (format === 'raw' && typeof (await readBootParts(image)) === 'string')
    throw invalid(word, `${nameIn(above, word)} is an overlay of ${real}, which is no disk`);
  return { disk: { path: real, format, ...(backing && { backing }) }, image };
}

function fileSource(path: string, size: number): ByteSource {
  return {
    size,
    read: async (offset, length) => {
      await using file = await openWithoutWaiting(path);
      return await sourceOf(file, size).read(offset, length);
    },
  };
}

function formatOf(path: string, word: string, isQcow2: boolean): DiskFormat {
  const extension = extname(path).toLowerCase();
  if (isQcow2 && extension === '.raw') {
    throw invalid(
      word,
      'it is called raw and begins as a qcow2 image, which the guest of a raw disk can write there',
      'Give it the name of what it is: .qcow2, if it is one that you trust',
    );
  }
  if (!isQcow2 && extension === '.qcow2') throw invalid(word, 'it does not begin as a qcow2 image');
  return isQcow2 ? 'qcow2' : 'raw';
}

/** Other formats would be booted as raw disks, of which nothing makes sense to a firmware. */
async function requireRaw(path: string, word: string): Promise<void> {
  const { exitCode, stdout } = await runProcess('qemu-img', [
    ...['info', '--force-share', '--output=json'],
    path,
  ]);
  const { format } = (exitCode === 0 ? JSON.parse(stdout) : {}) as { format?: unknown };
  if (typeof format !== 'string' || format === 'raw') return;
  throw invalid(
    word,
    `it is of the format ${format}`,
    `Convert it: qemu-img convert -O qcow2 ${path} FILE.qcow2`,
  );
}

function nameIn(path: string, word: string): string {
  return resolve(word) === path ? 'it' : path;
}

function invalid(
  word: string,
  why: string,
  remedy = 'Name the file of a disk, raw or qcow2',
): PodmanBootcError {
  return new PodmanBootcError(
    'usage',
    'DISK_FILE_INVALID',
    `Expected ${option('disk')} to be a raw or qcow2 disk that can be booted, got '${word}': ${why}`,
    { remedy },
  );
}

/** All files of a disk, its own first. */
function filesOf({ path, backing }: Pick<DiskFile, 'path' | 'backing'>): string[] {
  return [path, ...(backing ? filesOf(backing) : [])];
}

/**
 * Makes sure that a VM can have a disk. The caller holds its lock, `diskLock`.
 * @param inPlace whether the VM is to write to it
 * @param except uuid of a VM that goes
 * @throws PodmanBootcError `DISK_FILE_INVALID`, `DISK_IN_USE`, `QEMU_CANNOT_READ`
 */
export async function requireUsable(
  host: Host,
  disk: DiskFile,
  { inPlace, except }: { inPlace: boolean; except: string | undefined },
): Promise<void> {
  await requireOutside(host.directories, disk);
  if (inPlace) {
    await access(disk.path, constants.W_OK).catch(() => {
      throw invalid(
        disk.path,
        'you cannot write to it',
        `Leave out ${option('inPlace')}: an overlay takes what the guest writes`,
      );
    });
  }
  const isHeldByGoing = await requireFree(host, disk, inPlace, except);
  // Of one that goes and runs, that would be no reason.
  if (!isHeldByGoing) await requireUnlocked(disk);
  const own = filesOf(disk);
  for (const path of own) {
    // libvirt gives a VM's own disk to QEMU's user itself, and back when the VM ends.
    const kept = await qemuIsKeptFrom(host, path, inPlace && path === disk.path ? 'reach' : 'read');
    if (!kept) continue;
    const sentence = `libvirt's QEMU runs as the user ${kept.user}, who cannot read ${path}`;
    const remedy = `Let that user in (chmod o+r on the file, o+x on each directory above it), or move the disk, for example to /var/lib/libvirt/images`;
    if (kept.isCertain) throw new PodmanBootcError('host', 'QEMU_CANNOT_READ', sentence, { remedy });
    host.report.warn(`By its modes, ${sentence}; unless an access list says otherwise: ${remedy}`);
  }
}

/** What lies in our own directories we may delete, and overlays of it would not be known to need it. */
async function requireOutside(directories: Directories, { path }: DiskFile): Promise<void> {
  for (const own of [directories.root ?? directories.data, directories.cache]) {
    const root = await realpath(own).catch(() => own);
    if (relative(root, path).startsWith('..')) continue;
    throw invalid(
      path,
      `it lies in ${own}, where podman-bootc makes and deletes disks`,
      'Take a copy of it; `podman-bootc to-disk` makes one of an image',
    );
  }
}

/** A name for the lock of a disk: two VMs that are made of it at once see each other. */
export function diskLock({ identity }: DiskFile): string {
  return `disk-${identity}`;
}

/**
 * Makes sure that no VM has a file, or an overlay of it, that is to be written over.
 * @throws PodmanBootcError `DISK_IN_USE`
 */
export async function requireUnused(host: Host, path: string): Promise<void> {
  const identity = await fileIdentity(path);
  if (identity === undefined) return;
  for (const { name, definition } of await definitionsOf(host)) {
    const { diskPaths, backingPaths } = describe(definition);
    if (!(await isAmong({ identity }, [...diskPaths, ...backingPaths]))) continue;
    throw new PodmanBootcError(
      'usage',
      'DISK_IN_USE',
      `The file ${path} is a disk of the VM ${name}, or what that is an overlay of; nothing was changed`,
      { remedy: 'Name another file, or remove that VM first' },
    );
  }
}

/** @returns whether the one that goes has it */
async function requireFree(
  host: Host,
  disk: DiskFile,
  inPlace: boolean,
  except: string | undefined,
): Promise<boolean> {
  const { path } = disk;
  let isHeld = false;
  for (const { name, uuid, definition } of await definitionsOf(host)) {
    const { diskPaths, backingPaths } = describe(definition);
    const writes = await isAmong(disk, diskPaths);
    if (uuid === except) {
      isHeld ||= writes;
      continue;
    }
    if (writes || (inPlace && (await isAmong(disk, backingPaths)))) {
      throw new PodmanBootcError(
        'usage',
        'DISK_IN_USE',
        writes
          ? `The disk ${path} is that of the VM ${name} already, which writes to it`
          : `The disk of the VM ${name} is an overlay of ${path}, which must stay as it is`,
        {
          remedy: writes
            ? `Remove that VM first, or take a copy of the disk`
            : `Leave out ${option('inPlace')}, remove that VM first, or take a copy of the disk`,
        },
      );
    }
  }
  return isHeld;
}

/** What this libvirt has, and what is kept of the VMs of all libvirts of this user. */
async function definitionsOf(host: Host): Promise<{ name: string; uuid: string; definition: string }[]> {
  const domains = await Promise.all(
    (await host.connection.listAllDomains()).map(async (domain) => {
      try {
        const definition = await domain.getXml({ inactive: true });
        return [{ name: domain.name, uuid: domain.uuid, definition }];
      } catch (error) {
        if (isLibvirtError(error, 'VIR_ERR_NO_DOMAIN')) return [];
        throw error;
      }
    }),
  );
  const kept = await Promise.all(
    (await allDirectories(host.directories)).map(async (each) => {
      const uuids = await namesIn(vmsDirectory(each));
      const read = await Promise.all(uuids.map((uuid) => readKeptDefinition(VmDirectory.of(each, uuid))));
      return read.flatMap((one) => (one && !(one instanceof DamagedRecord) ? [one] : []));
    }),
  );
  return [...domains, ...kept].flat();
}

/** Of a definition that cannot be read nothing is known. */
function describe(definition: string): { diskPaths: string[]; backingPaths: string[] } {
  try {
    return readDomain(definition);
  } catch {
    return { diskPaths: [], backingPaths: [] };
  }
}

async function isAmong({ identity }: Pick<DiskFile, 'identity'>, paths: readonly string[]): Promise<boolean> {
  for (const path of paths) if ((await fileIdentity(path)) === identity) return true;
  return false;
}

/** QEMU locks what it writes to, whoever has started it. */
async function requireUnlocked({ path, format }: DiskFile): Promise<void> {
  const { exitCode, all } = await runProcess('qemu-img', ['info', '-f', format, '--output=json', path]);
  if (exitCode === 0) return;
  if (!/ lock\b/.test(all)) throw invalid(path, `qemu-img cannot read it: ${all.split('\n', 1)[0] ?? ''}`);
  throw new PodmanBootcError(
    'usage',
    'DISK_IN_USE',
    `The disk ${path} is being written to by another program`,
    {
      remedy: 'Wait until that has ended, or end the VM that has it',
    },
  );
}

/** What is recorded of a disk that a VM is made of. */
export function recordOf(disk: DiskFile, inPlace: boolean): NonNullable<VmMetadata['source']> {
  return {
    path: disk.path,
    format: disk.format,
    ...(inPlace && { inPlace }),
    ...disk.state,
  };
}

/**
 * Looks after the disk below a VM's overlay at a start: that it is there, and that it is what it was.
 * @throws PodmanBootcError `DISK_MISSING`
 */
export async function checkSource(
  host: Host,
  name: string,
  source: NonNullable<VmMetadata['source']>,
): Promise<void> {
  const status = await stat(source.path, { bigint: true }).catch((cause: unknown) => {
    if (!isMissing(cause)) throw cause;
    throw new PodmanBootcError(
      'boot',
      'DISK_MISSING',
      `The disk ${source.path}, of which that of the VM ${name} is an overlay, is gone`,
      {
        remedy: 'Put it back as it was: without it the VM has nothing of what it did not write itself',
        cause,
      },
    );
  });
  const now = stateOf(status);
  const changes = [
    ...(now.length === source.length
      ? []
      : [`it has ${formatSize(now.length)}, not ${formatSize(source.length)}`]),
    ...(now.modified === source.modified ? [] : [`it was written to at ${now.modified}`]),
    ...(now.inode === source.inode ? [] : ['it is another file']),
  ];
  if (changes.length === 0) return;
  host.report.warn(
    `The disk ${source.path} has changed since the VM ${name} was made of it (${changes.join(', ')}): what the VM sees may be damaged, for its own disk is an overlay`,
  );
}
