import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createOverlay } from '../../../src/disk/qcow2.js';
import { MiB } from '../../../src/sizes.js';
import {
  checkSource,
  readDiskFile,
  recordOf,
  requireUnused,
  requireUsable,
} from '../../../src/vm/disks/disk-file.js';
import { makeDisk, makeFat, place, types, writeAt, writeMbr } from '../../support/disk-image.js';
import { rejectsWithCode } from '../../support/rejects.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { openTestHost } from '../../support/test-host.js';

const other = process.arch === 'arm64' ? 'BOOTX64.EFI' : 'BOOTAA64.EFI';
const own = process.arch === 'arm64' ? 'BOOTAA64.EFI' : 'BOOTX64.EFI';

/** A disk with an EFI system partition that has these files. */
function makeEfiDisk(directory: string, files: Readonly<Record<string, string>>): string {
  const disk = makeDisk(join(directory, 'disk.raw'), 64 * MiB, [{ type: types.esp, size: 40 * MiB }]);
  place(makeFat(join(directory, 'esp'), 32, 40 * MiB, files), disk, MiB);
  return disk;
}

function convert(from: string, to: string, ...args: string[]): string {
  execFileSync('qemu-img', ['convert', '-f', 'raw', ...args, from, to]);
  return to;
}

describe('a disk that a VM is to be made of', () => {
  it('is found with its format and what boots it: raw, qcow2, compressed, an overlay of those', async function () {
    const directory = realpathSync(temporaryDirectory(this));
    const raw = makeEfiDisk(directory, { [`EFI/BOOT/${own}`]: 'MZ' });
    const qcow2 = convert(raw, join(directory, 'disk.qcow2'), '-O', 'qcow2');
    const compressed = convert(raw, join(directory, 'compressed.img'), '-c', '-O', 'qcow2');
    const old = convert(raw, join(directory, 'old.qcow2'), '-O', 'qcow2', '-o', 'compat=0.10');
    const overlay = join(directory, 'overlay.qcow2');
    await createOverlay(overlay, qcow2, 128 * MiB, 'qcow2');
    const link = join(directory, 'link');
    symlinkSync(overlay, link);
    for (const [path, format, size] of [
      [raw, 'raw', 64 * MiB],
      [qcow2, 'qcow2', 64 * MiB],
      [compressed, 'qcow2', 64 * MiB],
      [old, 'qcow2', 64 * MiB],
    ] as const) {
      const { boot, ...found } = await readDiskFile(path);
      assert.deepEqual(
        [found.path, found.format, found.size, found.backing],
        [path, format, size, undefined],
      );
      assert.deepEqual([boot.table, boot.loaders.length], ['GPT', 1], path);
    }
    const found = await readDiskFile(link);
    assert.deepEqual(
      [found.path, found.size, found.backing],
      [overlay, 128 * MiB, { path: qcow2, format: 'qcow2' }],
    );
    assert.equal(found.boot.loaders.length, 1, 'of what it is an overlay of');
  });

  it('is refused where its boot loader is for another architecture', async function () {
    const disk = makeEfiDisk(temporaryDirectory(this), { [`EFI/BOOT/${other}`]: 'MZ' });
    await rejectsWithCode('DISK_FOREIGN_ARCHITECTURE', () => readDiskFile(disk));
    const both = makeEfiDisk(temporaryDirectory(this), {
      [`EFI/BOOT/${other}`]: 'MZ',
      [`EFI/BOOT/${own}`]: 'MZ',
    });
    assert.equal((await readDiskFile(both)).boot.loaders.length, 2);
  });

  /** What is wrong with a disk, and how it is made. */
  const wrong: Record<string, (directory: string) => string | Promise<string>> = {
    'there is none': (directory) => join(directory, 'absent.raw'),
    'it is no regular file': (directory) => directory,
    'it has no partition table': (directory) => {
      writeFileSync(join(directory, 'disk.raw'), 'x'.repeat(MiB));
      return join(directory, 'disk.raw');
    },
    'it has a damaged partition table': (directory) => {
      const disk = makeEfiDisk(directory, {});
      truncateSync(disk, 32 * MiB);
      return disk;
    },
    'it is called raw and begins as a qcow2 image': (directory) => {
      const qcow2 = convert(writeMbr(join(directory, 'from')), join(directory, 'disk.qcow2'), '-O', 'qcow2');
      renameSync(qcow2, join(directory, 'disk.raw'));
      return join(directory, 'disk.raw');
    },
    'it does not begin as a qcow2 image': (directory) => writeMbr(join(directory, 'disk.qcow2')),
    'it is of the format vmdk': (directory) =>
      convert(writeMbr(join(directory, 'from')), join(directory, 'disk.img'), '-O', 'vmdk'),
    'below.raw is gone': async (directory) => {
      const below = writeMbr(join(directory, 'below.raw'));
      await createOverlay(join(directory, 'disk.qcow2'), below, MiB);
      rmSync(below);
      return join(directory, 'disk.qcow2');
    },
    'which is no disk': async (directory) => {
      const below = join(directory, 'secret');
      writeFileSync(below, 'secret'.repeat(1000));
      await createOverlay(join(directory, 'disk.qcow2'), below, MiB);
      return join(directory, 'disk.qcow2');
    },
    'whose format it does not name': async (directory) => {
      const below = writeMbr(join(directory, 'below.raw'));
      const path = join(directory, 'disk.qcow2');
      await createOverlay(path, below, MiB);
      // As a header extension of a later QEMU, which is passed over.
      const extension = readFileSync(path).indexOf(Buffer.from('e2792aca', 'hex'));
      writeAt(path, Buffer.from('11111111', 'hex'), extension);
      return path;
    },
    'its data lies in another file': (directory) => {
      const path = join(directory, 'disk.qcow2');
      const data = join(directory, 'data');
      execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-o', `data_file=${data}`, path, '1M']);
      return path;
    },
  };
  for (const [what, make] of Object.entries(wrong)) {
    it(`is refused in a sentence: ${what}`, async function () {
      const path = await make(realpathSync(temporaryDirectory(this)));
      const error = await rejectsWithCode('DISK_FILE_INVALID', () => readDiskFile(path));
      assert.ok(error.message.includes(what), error.message);
      assert.ok(!error.message.includes('\n'));
    });
  }

  it('may be below many VMs, and in place of one that writes to it', async function () {
    const directory = realpathSync(temporaryDirectory(this));
    const disk = await readDiskFile(writeMbr(join(directory, 'disk.raw')));
    const { host } = await openTestHost(this, []);
    const uses = { inPlace: true, except: undefined };
    await requireUsable(host, disk, uses);
    const definition = (source: string): string =>
      `<domain type='test'><name>a</name><uuid>6a5f0a6e-6c7d-4c0f-9d3a-0123456789ab</uuid><memory>1</memory><os><type>hvm</type></os><devices>${source}</devices></domain>`;
    const withDomain = (source: string): typeof host => ({
      ...host,
      connection: new Proxy(host.connection, {
        get(target, name) {
          const getXml = (): Promise<string> => Promise.resolve(definition(source));
          if (name === 'listAllDomains') return () => Promise.resolve([{ name: 'a', uuid: 'u', getXml }]);
          const member: unknown = Reflect.get(target, name, target);
          return typeof member === 'function' ? (member.bind(target) as unknown) : member;
        },
      }),
    });
    // By another name.
    symlinkSync(disk.path, join(directory, 'other'));
    const source = `<source file='${join(directory, 'other')}'/>`;
    const writing = withDomain(`<disk type='file'>${source}</disk>`);
    const reading = withDomain(
      `<disk type='file'><source file='/o'/><backingStore type='file'>${source}</backingStore></disk>`,
    );
    for (const inPlace of [true, false])
      await rejectsWithCode('DISK_IN_USE', () => requireUsable(writing, disk, { ...uses, inPlace }));
    await rejectsWithCode('DISK_IN_USE', () => requireUsable(reading, disk, uses));
    await requireUsable(reading, disk, { ...uses, inPlace: false });
    await requireUsable(writing, disk, { inPlace: true, except: 'u' });
    for (const each of [writing, reading])
      await rejectsWithCode('DISK_IN_USE', () => requireUnused(each, disk.path));
    await requireUnused(host, disk.path);
    await requireUnused(writing, join(directory, 'absent'));
  });

  it('is looked after at each start: a change is said, and its loss is a failure', async function () {
    const path = writeMbr(join(realpathSync(temporaryDirectory(this)), 'disk.raw'));
    const { host, said } = await openTestHost(this, []);
    const source = recordOf(await readDiskFile(path), false);
    await checkSource(host, 'web', source);
    assert.deepEqual(said, []);
    truncateSync(path, 2 * MiB);
    await checkSource(host, 'web', source);
    assert.match(
      said.join('\n'),
      /^The disk .* has changed since the VM web was made of it \(it has 2 MiB, not 1 MiB/,
    );
    assert.equal(statSync(path).size, 2 * MiB);
    rmSync(path);
    await rejectsWithCode('DISK_MISSING', () => checkSource(host, 'web', source));
  });
});
