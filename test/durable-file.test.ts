import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DamagedRecord, readRecord, writeDurably } from '../src/durable-file.js';
import { temporaryDirectory } from './support/temporary.js';

const anything = (value: unknown): unknown => value;

describe('a record', () => {
  it('is written whole, with its mode whatever the umask, and nothing beside it', async function () {
    const directory = temporaryDirectory(this);
    const path = join(directory, 'record.json');
    const umask = process.umask(0o777);
    try {
      await writeDurably(path, '"first"');
      await writeDurably(path, '"second"', 0o644);
    } finally {
      process.umask(umask);
    }
    assert.equal(readFileSync(path, 'utf8'), '"second"');
    assert.equal(statSync(path).mode & 0o777, 0o644);
    assert.deepEqual(readdirSync(directory), ['record.json']);
    assert.equal(await readRecord(path, anything), 'second');
  });

  it('leaves the old one, and no part of the new one, where it cannot be written', async function () {
    const directory = temporaryDirectory(this);
    const path = join(directory, 'record.json');
    mkdirSync(path);
    await assert.rejects(writeDurably(path, '"new"'));
    assert.deepEqual(readdirSync(directory), ['record.json']);
  });

  it('is brought to the disk before it gets its name, and its name before anybody goes on', async function () {
    const directory = temporaryDirectory(this);
    const path = join(directory, 'record.json');
    // strace is not everywhere; the order of calls is the handles' own.
    const calls: string[] = [];
    const { open } = await import('node:fs/promises');
    const file = await open(join(directory, 'probe'), 'w');
    const prototype = Object.getPrototypeOf(file) as { sync: () => Promise<void> };
    await file.close();
    const { sync } = prototype;
    prototype.sync = function (this: typeof file) {
      calls.push(readdirSync(directory).includes('record.json') ? 'sync after rename' : 'sync before rename');
      return sync.call(this);
    };
    try {
      await writeDurably(path, '"x"');
    } finally {
      prototype.sync = sync;
    }
    assert.deepEqual(calls, ['sync before rename', 'sync after rename']);
  });

  it('is undefined where there is none, and damaged where it is no readable record', async function () {
    const directory = temporaryDirectory(this);
    const path = join(directory, 'record.json');
    assert.equal(await readRecord(path, anything), undefined);
    assert.equal(await readRecord(join(path, 'below'), anything), undefined);
    const why = async (name: string): Promise<string> => {
      const record = await readRecord(join(directory, name), (value) => {
        if (value !== 'right') throw new Error('expected right');
        return value;
      });
      assert.ok(record instanceof DamagedRecord, `${name}: ${String(record)}`);
      assert.equal(record.file, join(directory, name));
      return record.why;
    };
    mkdirSync(join(directory, 'directory'));
    execFileSync('mkfifo', [join(directory, 'fifo')]);
    symlinkSync('/dev/zero', join(directory, 'link'));
    symlinkSync('loop', join(directory, 'loop'));
    writeFileSync(join(directory, 'empty'), '');
    writeFileSync(join(directory, 'blank'), '\n');
    writeFileSync(join(directory, 'cut'), '"righ');
    writeFileSync(join(directory, 'binary'), Buffer.from([0xff, 0, 0xfe]));
    writeFileSync(join(directory, 'other'), '{}');
    writeFileSync(join(directory, 'endless'), Buffer.alloc(1024 * 1024 + 1, '1'));
    assert.match(await why('directory'), /not a regular file/);
    assert.match(await why('fifo'), /not a regular file/);
    assert.match(await why('link'), /is a link/);
    assert.match(await why('loop'), /is a link/);
    assert.match(await why('empty'), /is empty/);
    assert.match(await why('blank'), /is empty/);
    assert.match(await why('cut'), /not JSON/);
    assert.match(await why('binary'), /not JSON/);
    assert.match(await why('other'), /not such a record: expected right/);
    assert.match(await why('endless'), /more than 1048576 bytes/);
  });
});
