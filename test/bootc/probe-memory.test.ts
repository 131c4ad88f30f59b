import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { recallProbe, rememberProbe } from '../../src/bootc/probe-memory.js';
import { DamagedRecord } from '../../src/durable-file.js';
import type { ImageProbe } from '../../src/bootc/probe.js';
import { temporaryDirectory } from '../support/temporary.js';

const probe: ImageProbe = {
  bootcVersion: 'bootc 1.1.4',
  installOptions: new Set(['wipe', 'via-loopback']),
  defaultBootloader: 'systemd',
  hasUki: false,
  hasBootupd: true,
  hasSystemdBoot: false,
  defaultFilesystem: undefined,
  filesystems: ['xfs'],
  systemdVersion: 252,
  account: { user: 'root', uid: 0, gid: 0, home: '/root' },
};
const subject = { engine: 'local', imageId: 'a'.repeat(64), user: 'root' };

describe("what is remembered of an image's answers", () => {
  it('is what it answered, for that image, podman, user and questions only', async function () {
    const file = join(temporaryDirectory(this), 'probes.json');
    assert.equal(await recallProbe(file, subject, 'script'), undefined);
    await rememberProbe(file, subject, 'script', probe);
    assert.deepEqual(await recallProbe(file, subject, 'script'), probe);
    for (const other of [{ engine: 'podman-machine-root' }, { imageId: 'b'.repeat(64) }, { user: 'tester' }])
      assert.equal(await recallProbe(file, { ...subject, ...other }, 'script'), undefined);
    assert.equal(await recallProbe(file, subject, 'another script'), undefined);
  });

  it('is kept for several images, of which the oldest are forgotten', async function () {
    const file = join(temporaryDirectory(this), 'probes.json');
    for (let index = 0; index < 102; index++)
      await rememberProbe(file, { ...subject, imageId: String(index) }, 'script', probe);
    const known = async (imageId: string): Promise<boolean> =>
      (await recallProbe(file, { ...subject, imageId }, 'script')) !== undefined;
    assert.deepEqual(
      [await known('0'), await known('1'), await known('2'), await known('101')],
      [false, false, true, true],
    );
  });

  it('is nothing where the file is torn, which is told, and is remembered anew', async function () {
    const directory = temporaryDirectory(this);
    const file = join(directory, 'probes.json');
    await rememberProbe(file, subject, 'script', probe);
    const whole = readFileSync(file, 'utf8');
    for (const text of [whole.slice(0, 40), '', 'null', '{}']) {
      writeFileSync(file, text);
      const recalled = await recallProbe(file, subject, 'script');
      assert.ok(recalled instanceof DamagedRecord && recalled.file === file, text);
      await rememberProbe(file, subject, 'script', probe);
      assert.deepEqual(await recallProbe(file, subject, 'script'), probe);
    }
    rmSync(file);
    execFileSync('mkfifo', [file]);
    assert.ok((await recallProbe(file, subject, 'script')) instanceof DamagedRecord);
  });

  it('does not lose the others with an entry that is none, nor fails where it cannot be written', async function () {
    const directory = temporaryDirectory(this);
    const file = join(directory, 'probes.json');
    await rememberProbe(file, subject, 'script', probe);
    const entries = JSON.parse(readFileSync(file, 'utf8')) as { answer: object }[];
    for (const other of [
      null,
      {},
      { key: 'x', answer: null },
      { ...entries[0], answer: { ...entries[0]?.answer, hasUki: 1 } },
    ]) {
      writeFileSync(file, JSON.stringify([other, ...entries]));
      assert.deepEqual(await recallProbe(file, subject, 'script'), probe);
    }
    await rememberProbe(join(directory, 'none', 'probes.json'), subject, 'script', probe);
  });
});
