import assert from 'node:assert/strict';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { archiveConsole, consoleBoot, consoleBoots, readConsole } from '../../src/vm/console-log.js';
import { VmDirectory } from '../../src/vm/vm-directory.js';
import { rejectsWithCode } from '../support/rejects.js';
import { temporaryDirectory } from '../support/temporary.js';

let clock = Date.parse('2026-01-01T00:00:00Z') / 1000;

/** Writes a log as a boot of its own would. */
function boot(directory: VmDirectory, text: string): void {
  writeFileSync(directory.consoleLog, text);
  clock += 60;
  utimesSync(directory.consoleLog, clock, clock);
}

async function contents(directory: VmDirectory, which: number): Promise<string> {
  let text = '';
  for await (const chunk of readConsole(await consoleBoot(directory, which))) text += chunk.toString();
  return text;
}

describe("a VM's console logs", () => {
  let directory: VmDirectory;

  beforeEach(function () {
    directory = new VmDirectory(temporaryDirectory(this));
  });

  it('are kept per boot, the last and five before it, readable by their owner only', async () => {
    for (let number = 1; number <= 8; number++) {
      await archiveConsole(directory);
      boot(directory, `boot ${number}\n`);
    }
    assert.equal(await contents(directory, 0), 'boot 8\n');
    assert.equal(await contents(directory, -1), 'boot 7\n');
    assert.equal(await contents(directory, -5), 'boot 3\n');
    const error = await rejectsWithCode('BOOT_NOT_KEPT', () => consoleBoot(directory, -6));
    assert.match(error.message, /from -5 to 0, .* got -6/);
    for (const name of readdirSync(directory.boots))
      assert.equal(statSync(join(directory.boots, name)).mode & 0o777, 0o600);
  });

  it('are put aside once, however often and wherever that was interrupted', async () => {
    boot(directory, 'first\n');
    mkdirSync(directory.boots);
    writeFileSync(join(directory.boots, 'partial'), 'rest of a killed one');
    await archiveConsole(directory);
    await archiveConsole(directory);
    assert.deepEqual((await consoleBoots(directory)).length, 1);
    assert.equal(await contents(directory, 0), 'first\n');
  });

  it('are one text for the parts that virtlogd makes of them', async () => {
    for (const [name, text] of [
      ['console.log.2', 'one '],
      ['console.log.1', 'two '],
      ['console.log.0', 'three '],
      ['console.log.old', 'not ours'],
    ] as const)
      writeFileSync(join(directory.path, name), text);
    boot(directory, 'four');
    assert.equal(await contents(directory, 0), 'one two three four');
    await archiveConsole(directory);
    renameSync(directory.consoleLog, join(directory.path, 'gone'));
    const [name = ''] = readdirSync(directory.boots);
    assert.equal(readFileSync(join(directory.boots, name), 'utf8'), 'one two three four');
  });

  it('are cut to their last 8 MiB when virtlogd was told to keep more', async () => {
    boot(directory, `${'x'.repeat(9 * 1024 * 1024)}end`);
    await archiveConsole(directory);
    const [name = ''] = readdirSync(directory.boots);
    const kept = readFileSync(join(directory.boots, name));
    assert.equal(kept.length, 8 * 1024 * 1024);
    assert.ok(kept.toString().endsWith('end'));
  });

  it('are none before the first start', async () => {
    assert.deepEqual(await consoleBoots(directory), []);
    await archiveConsole(directory);
    const error = await rejectsWithCode('BOOT_NOT_KEPT', () => consoleBoot(directory, 0));
    assert.match(error.message, /Nothing has been written/);
  });
});
