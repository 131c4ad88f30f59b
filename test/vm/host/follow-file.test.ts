import assert from 'node:assert/strict';
import { appendFileSync, existsSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { followFile } from '../../../src/vm/host/follow-file.js';
import { until } from '../../libvirt/support.js';
import { temporaryDirectory } from '../../support/temporary.js';

describe('following a file', () => {
  it('reads what is there and what comes, also after the file was rotated', async function () {
    const file = join(temporaryDirectory(this), 'log');
    const end = new AbortController();
    let seen = '';
    const done = (async () => {
      for await (const chunk of followFile(file, { end: end.signal })) seen += chunk.toString();
    })();
    writeFileSync(file, 'one ');
    await until('the file that was not there is read', () => seen === 'one ');
    appendFileSync(file, 'two ');
    await until('what was appended is read', () => seen === 'one two ');
    appendFileSync(file, 'last ');
    renameSync(file, `${file}.0`);
    writeFileSync(file, 'new ');
    await until('the new file is read, and all of the old', () => seen === 'one two last new ');
    writeFileSync(file, 'short');
    appendFileSync(file, ' end');
    end.abort();
    await done;
    assert.match(seen, /end$/);
  });

  it('reads all that is kept, in order, when it is several rotations behind', async function () {
    const file = join(temporaryDirectory(this), 'log');
    const end = new AbortController();
    const rotate = (): void => {
      for (const number of [1, 0])
        if (existsSync(`${file}.${number}`)) renameSync(`${file}.${number}`, `${file}.${number + 1}`);
      renameSync(file, `${file}.0`);
    };
    writeFileSync(file, 'one ');
    let seen = '';
    for await (const chunk of followFile(file, { end: end.signal })) {
      seen += chunk.toString();
      if (seen !== 'one ') continue;
      // While the reader is busy with the first part.
      for (const text of ['two ', 'three ', 'four ']) {
        rotate();
        writeFileSync(file, text);
      }
      end.abort();
    }
    assert.equal(seen, 'one two three four ');
  });

  it('reads what is left when it is told to end, and from where it was told to begin', async function () {
    const file = join(temporaryDirectory(this), 'log');
    writeFileSync(file, 'x'.repeat(100_000));
    let length = 0;
    for await (const chunk of followFile(file, { start: 10, end: AbortSignal.abort() }))
      length += chunk.length;
    assert.equal(length, 99_990);
  });

  it('holds no more than a chunk for a reader that takes its time', async function () {
    const file = join(temporaryDirectory(this), 'log');
    writeFileSync(file, Buffer.alloc(10_000_000));
    for await (const chunk of followFile(file, { end: AbortSignal.abort() })) {
      assert.ok(chunk.length <= 64 * 1024);
      await new Promise(setImmediate);
    }
  });
});
