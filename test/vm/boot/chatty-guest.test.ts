import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { generateKeyPair } from '../../../src/ssh/keys.js';
import { VmDirectory } from '../../../src/vm/files/vm-directory.js';
import { projectRoot } from '../../support/project.js';
import { openTestClient } from '../../support/test-host.js';

const MiB = 1024 ** 2;
/** As virtlogd keeps logs (virtlogd.conf(5)): bytes of a part, and how many parts are kept besides the present one. */
const partSize = 2 * MiB;
const backups = 3;
/** 104 MiB in all. */
const parts = 52;

/** A part as a guest might write it, with escape sequences and some binary; its last line says which it is. */
function part(number: number): Buffer {
  const line = `[   12.345678] \u001b[0;32mapp\u001b[0m[77]: \u0000\u00ff\u009b5n ${'lorem ipsum dolor sit amet '.repeat(4)}\r\n`;
  const last = `part ${number}\r\n`;
  const bytes = Buffer.from(line.repeat(Math.ceil(partSize / line.length))).subarray(
    0,
    partSize - last.length - 2,
  );
  return Buffer.concat([bytes, Buffer.from(`\r\n${last}`)]);
}

/** What virtlogd does when a part is full. */
function rotate(log: string): void {
  for (let number = backups - 1; number > 0; number--)
    if (existsSync(`${log}.${number - 1}`)) renameSync(`${log}.${number - 1}`, `${log}.${number}`);
  renameSync(log, `${log}.0`);
  writeFileSync(log, '', { mode: 0o600 });
}

/** Bytes that are taken below a directory, each file once. */
function taken(directory: string): number {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  const inodes = new Map(
    files.map((file) => statSync(join(directory, file))).map(({ ino, size }) => [ino, size]),
  );
  return [...inodes.values()].reduce((sum, size) => sum + size, 0);
}

describe('watching a guest that talks much', () => {
  it('takes no more memory for 100 MB than for 4, nor disk beyond the log', async function () {
    this.timeout(300_000);
    const { uri, directory } = await openTestClient(this, [{ name: 'web' }]);
    const files = new VmDirectory(directory('web'));
    await generateKeyPair(files.identity, 'test');
    writeFileSync(files.knownHosts, '');
    const log = files.consoleLog;
    writeFileSync(log, '', { mode: 0o600 });

    const program = fileURLToPath(new URL('watch-boot.js', import.meta.url));
    const data = dirname(dirname(files.path));
    const child = spawn(process.execPath, [program, uri, 'web', data], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    /** KiB that it has had at most, as proc(5) says. */
    const peak = (): number =>
      Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]);
    let before = 0;
    let most = 0;
    try {
      for (let number = 1; number <= parts; number++) {
        const bytes = part(number);
        for (let at = 0; at < bytes.length; at += 256 * 1024)
          appendFileSync(log, bytes.subarray(at, at + 256 * 1024));
        assert.equal((await lines.next()).value, `part ${number}`);
        if (number === 2) before = peak();
        most = Math.max(most, taken(files.path));
        rotate(log);
      }
      const after = peak();
      assert.ok(after - before < 64 * 1024, `${before} KiB after 4 MiB, ${after} KiB after ${parts * 2} MiB`);
      // The log as virtlogd keeps it, the part that is held for starts of others, and small files.
      assert.ok(most <= (backups + 2) * partSize + MiB / 2, `${most} bytes`);
      appendFileSync(log, readFileSync(join(projectRoot, 'test', 'boot', 'fixtures', 'panic.console')));
      assert.equal((await lines.next()).value, 'BOOT_PANIC');
      assert.deepEqual(await once(child, 'close'), [0, null]);
    } finally {
      child.kill();
    }
  });
});
