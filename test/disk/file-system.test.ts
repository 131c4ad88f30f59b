import assert from 'node:assert/strict';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { sourceOf } from '../../src/disk/byte-source.js';
import { identifyFileSystem, type FileSystem } from '../../src/disk/file-system.js';
import { MiB } from '../../src/sizes.js';
import { headOf, memory, someContent, sparse, tool } from '../support/disk-image.js';
import { temporaryDirectory } from '../support/temporary.js';

/** xfs is not made smaller. */
const size = 320 * MiB;
const contentSize = 20 * MiB;

async function identify(path: string): Promise<FileSystem | undefined> {
  const file = await open(path);
  try {
    return await identifyFileSystem(sourceOf(file, statSync(path).size));
  } finally {
    await file.close();
  }
}

/** Makes a file system, empty and with a file of 20 MiB. */
function make(context: Mocha.Context, kind: string): { empty: string; full: string } {
  const directory = temporaryDirectory(context);
  const tree = join(directory, 'tree');
  mkdirSync(tree);
  const content = someContent(tree, contentSize);
  const [empty, full] = ['empty', 'full'].map((name) => sparse(join(directory, name), size)) as [
    string,
    string,
  ];
  if (kind.startsWith('ext')) {
    const [type = '', ...options] = kind.split(' ');
    tool(`mkfs.${type}`, ['-q', ...options, empty]);
    tool(`mkfs.${type}`, ['-q', ...options, '-d', tree, full]);
  } else if (kind === 'xfs') {
    const prototype = join(directory, 'prototype');
    writeFileSync(prototype, `/\n0 0\nd--755 0 0\ncontent ---644 0 0 ${content}\n$\n`);
    tool('mkfs.xfs', ['-q', empty]);
    tool('mkfs.xfs', ['-q', '-p', prototype, full]);
  } else {
    tool('mkfs.btrfs', ['-q', empty]);
    tool('mkfs.btrfs', ['-q', '--rootdir', tree, full]);
  }
  return { empty, full };
}

describe('a file system', () => {
  for (const kind of [
    'ext4',
    'ext4 -O verity',
    'ext4 -O ^64bit',
    'ext4 -b 1024',
    'ext3',
    'ext2',
    'xfs',
    'btrfs',
  ]) {
    it(`of ${kind} is recognised, with what files take in it`, async function () {
      const { empty, full } = make(this, kind);
      const none = await identify(empty);
      const some = await identify(full);
      assert.deepEqual([none?.type, some?.type], [kind.split(' ')[0], kind.split(' ')[0]]);
      assert.deepEqual([none?.size, some?.size], [size, size]);
      assert.ok((none?.used ?? NaN) < MiB, `empty: ${none?.used}`);
      assert.ok(
        (some?.used ?? 0) >= contentSize && (some?.used ?? 0) < contentSize + 2 * MiB,
        `full: ${some?.used}`,
      );
    });
  }

  it('of ext4 that notes no overhead is taken for little more than empty', async function () {
    const { empty } = make(this, 'ext4');
    const bytes = headOf(empty, MiB);
    bytes.writeUInt32LE(0, 1024 + 0x248);
    const { used } = (await identifyFileSystem(memory(bytes))) ?? {};
    assert.ok((used ?? NaN) < 8 * MiB, String(used));
  });

  for (const [type, offset, magic] of [
    ['crypto_LUKS', 0, Buffer.from('LUKS\xba\xbe\0\x02', 'latin1')],
    ['LVM2_member', 512, Buffer.from('LABELONE')],
    ['bcachefs', 4120, Buffer.from('c68573f666ce90a9d96a60cf803df7ef', 'hex')],
  ] as const) {
    it(`behind ${type} is named by that`, async () => {
      const bytes = Buffer.alloc(MiB);
      magic.copy(bytes, offset);
      assert.deepEqual(await identifyFileSystem(memory(bytes)), { type });
    });
  }

  it('is not seen where there is none', async () => {
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(100), Buffer.alloc(MiB), Buffer.alloc(MiB, 0xff)])
      assert.equal(await identifyFileSystem(memory(bytes)), undefined);
  });

  for (const [kind, offset] of [
    ['ext4', 1024],
    ['xfs', 0],
    ['btrfs', 65_536],
  ] as const) {
    it(`of ${kind} with any byte changed is something, or nothing`, async function () {
      const bytes = headOf(make(this, kind).empty, MiB);
      for (let at = offset; at < offset + 1024; at++) {
        const original = bytes[at] ?? 0;
        for (const value of [0, 0xff, original ^ (1 << (at % 8))]) {
          bytes[at] = value;
          const found = await identifyFileSystem(memory(bytes));
          assert.ok(found === undefined || (found.used ?? NaN) >= 0, String(at));
        }
        bytes[at] = original;
      }
    });
  }
});
