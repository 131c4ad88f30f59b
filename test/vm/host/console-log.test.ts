import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { ConsoleLog } from '../../../src/vm/host/console-log.js';
import { VmDirectory } from '../../../src/vm/files/vm-directory.js';
import { rejectsWithCode } from '../../support/rejects.js';
import { temporaryDirectory } from '../../support/temporary.js';

let clock = Date.parse('2026-01-01T00:00:00Z') / 1000;

/** Writes a log as a boot of its own would: virtlogd unlinks what is there and makes the file anew. */
function boot(directory: VmDirectory, text: string): void {
  for (const backup of ['', '.0', '.1', '.2']) rmSync(`${directory.consoleLog}${backup}`, { force: true });
  writeFileSync(directory.consoleLog, text);
  clock += 60;
  utimesSync(directory.consoleLog, clock, clock);
}

async function contents(directory: VmDirectory, which: number): Promise<string> {
  const log = new ConsoleLog(directory);
  let text = '';
  for await (const chunk of log.read(await log.boot(which))) text += chunk.toString();
  return text;
}

describe("a VM's console logs", () => {
  let directory: VmDirectory;
  let log: ConsoleLog;

  beforeEach(function () {
    directory = new VmDirectory(temporaryDirectory(this));
    log = new ConsoleLog(directory);
  });

  it('are kept per boot, the last and five before it, readable by their owner only', async () => {
    for (let number = 1; number <= 8; number++) {
      await log.archive();
      boot(directory, `boot ${number}\n`);
    }
    assert.equal(await contents(directory, 0), 'boot 8\n');
    assert.equal(await contents(directory, -1), 'boot 7\n');
    assert.equal(await contents(directory, -5), 'boot 3\n');
    const error = await rejectsWithCode('BOOT_NOT_KEPT', () => log.boot(-6));
    assert.match(error.message, /from -5 to 0, .* got -6/);
    for (const name of readdirSync(directory.boots))
      assert.equal(statSync(join(directory.boots, name)).mode & 0o777, 0o600);
  });

  it('are put aside once, however often and wherever that was interrupted', async () => {
    boot(directory, 'first\n');
    mkdirSync(directory.boots);
    writeFileSync(join(directory.boots, 'partial'), 'leftover of a killed one');
    await log.archive();
    await log.archive();
    assert.deepEqual((await log.boots()).length, 1);
    assert.equal(await contents(directory, 0), 'first\n');
  });

  it('are one text for the parts that virtlogd makes of them', async () => {
    boot(directory, 'four');
    for (const [name, text] of [
      ['console.log.2', 'one '],
      ['console.log.1', 'two '],
      ['console.log.0', 'three '],
      ['console.log.old', 'not ours'],
    ] as const)
      writeFileSync(join(directory.path, name), text);
    assert.equal(await contents(directory, 0), 'one two three four');
    await log.archive();
    renameSync(directory.consoleLog, join(directory.path, 'gone'));
    const [name = ''] = readdirSync(directory.boots);
    assert.equal(readFileSync(join(directory.boots, name), 'utf8'), 'one two three four');
  });

  it('are cut to their last 8 MiB when virtlogd was told to keep more', async () => {
    boot(directory, `${'x'.repeat(9 * 1024 * 1024)}end`);
    await log.archive();
    const [name = ''] = readdirSync(directory.boots);
    const kept = readFileSync(join(directory.boots, name));
    assert.equal(kept.length, 8 * 1024 * 1024);
    assert.ok(kept.toString().endsWith('end'));
  });

  it('outlive starts that are not ours, once they have been looked at', async () => {
    boot(directory, 'boot 1\n');
    await log.hold();
    boot(directory, 'boot 2\n');
    assert.equal(await contents(directory, -1), 'boot 1\n');
    await log.hold();
    await log.hold();
    boot(directory, 'boot 3\n');
    await log.archive();
    boot(directory, 'boot 4\n');
    await log.hold();
    await log.archive();
    for (const [which, text] of ['boot 4', 'boot 3', 'boot 2', 'boot 1'].entries())
      assert.equal(await contents(directory, -which), `${text}\n`);
    assert.equal((await log.boots()).length, 4);
    for (let number = 5; number <= 12; number++) {
      boot(directory, `boot ${number}\n`);
      await log.hold();
    }
    boot(directory, 'boot 13\n');
    assert.equal(await contents(directory, -6), 'boot 7\n');
    await log.hold();
    assert.equal((await log.boots()).length, 6, 'the latest and five before it');
  });

  it('hold the last part of a boot that has several, and are not taken for another boot', async () => {
    boot(directory, 'one ');
    await log.hold();
    const rotate = (text: string): void => {
      for (const [from, to] of [
        ['.1', '.2'],
        ['.0', '.1'],
        ['', '.0'],
      ] as const)
        if (existsSync(directory.consoleLog + from))
          renameSync(directory.consoleLog + from, directory.consoleLog + to);
      writeFileSync(directory.consoleLog, text);
      utimesSync(directory.consoleLog, ++clock, clock);
    };
    for (const text of ['two ', 'three ', 'four ']) rotate(text);
    assert.equal((await log.boots()).length, 1);
    // Now the part that is held has been dropped.
    rotate('five');
    assert.equal((await log.boots()).length, 1);
    assert.equal(await contents(directory, 0), 'two three four five');
    await log.hold();
    boot(directory, 'next');
    assert.equal(await contents(directory, -1), 'five');
  });

  it('are none before the first start', async () => {
    assert.deepEqual(await log.boots(), []);
    await log.archive();
    const error = await rejectsWithCode('BOOT_NOT_KEPT', () => log.boot(0));
    assert.match(error.message, /Nothing has been written/);
  });
});
