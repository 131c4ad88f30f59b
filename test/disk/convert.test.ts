import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { convertDisk, formatByName, requireFormat, requireTarget } from '../../src/disk/convert.js';
import { fileFormats } from '../../src/disk/file-formats.js';
import { silentReporter } from '../../src/report.js';
import { MiB } from '../../src/sizes.js';
import { sparse, writeAt } from '../support/disk-image.js';
import { withEnvironment } from '../support/environment.js';
import { rejectsWithCode } from '../support/rejects.js';
import { temporaryDirectory } from '../support/temporary.js';

function someDisk(directory: string): string {
  const path = sparse(join(directory, 'base'), 64 * MiB);
  writeAt(path, Buffer.alloc(MiB, 'content '), 5 * MiB);
  return path;
}

describe('the format of a file', () => {
  it('is what its name ends in, else raw', () => {
    for (const [name, format] of Object.entries({
      'a.raw': 'raw',
      'a.IMG': 'raw',
      'a.qcow2': 'qcow2',
      'a.vmdk': 'vmdk',
      'a.vhd': 'vhd',
      'a.vhdx': 'vhdx',
      'a.b/disk': 'raw',
      'disk.iso': 'raw',
    }))
      assert.equal(formatByName(name), format, name);
  });

  it('is refused, with those that there are, where qemu-img does not write it', async function () {
    const bin = temporaryDirectory(this);
    writeFileSync(join(bin, 'qemu-img'), '#!/bin/sh\n[ "$3" = raw ] || [ "$3" = qcow2 ]\n', { mode: 0o755 });
    await withEnvironment({ PATH: bin }, async () => {
      await requireFormat('qcow2');
      const error = await rejectsWithCode('FORMAT_UNAVAILABLE', () => requireFormat('vhdx'));
      assert.equal(error.remedy, 'It writes raw, qcow2');
    });
  });
});

describe('a disk that is written to a file', () => {
  for (const format of fileFormats) {
    it(`has the same content, also where it is empty, and takes as little: ${format}`, async function () {
      const directory = temporaryDirectory(this);
      const from = someDisk(directory);
      const to = await requireTarget(join(directory, 'written'), false);
      await convertDisk({ from, to, format, overwrite: false }, silentReporter);
      assert.deepEqual(readdirSync(directory).sort(), ['base', 'written']);
      const qemuName = format === 'vhd' ? 'vpc' : format;
      execFileSync('qemu-img', ['compare', '-f', 'raw', '-F', qemuName, from, to]);
      const info = execFileSync('qemu-img', ['info', '-f', qemuName, '--output=json', to], {
        encoding: 'utf8',
      });
      assert.equal((JSON.parse(info) as { 'virtual-size': number })['virtual-size'], 64 * MiB);
      const { blocks, mode } = statSync(to);
      assert.ok(blocks * 512 < 16 * MiB, `${blocks} blocks`);
      writeFileSync(join(directory, 'usual'), '');
      assert.equal(mode, statSync(join(directory, 'usual')).mode);
    });
  }

  it('takes nothing away: what is there is refused, at the beginning and at the end', async function () {
    const directory = temporaryDirectory(this);
    const from = someDisk(directory);
    const to = join(directory, 'mine');
    writeFileSync(to, 'mine');
    await rejectsWithCode('FILE_EXISTS', () => requireTarget(to, false));
    // Somebody has made it meanwhile.
    await rejectsWithCode('FILE_EXISTS', () =>
      convertDisk({ from, to, format: 'qcow2', overwrite: false }, silentReporter),
    );
    assert.equal(readFileSync(to, 'utf8'), 'mine');
    assert.deepEqual(readdirSync(directory).sort(), ['base', 'mine']);
    await convertDisk(
      { from, to: await requireTarget(to, true), format: 'raw', overwrite: true },
      silentReporter,
    );
    assert.deepEqual(readFileSync(to), readFileSync(from));
  });

  it('takes away what writers of the same file have left who were killed, and nothing else', async function () {
    const directory = temporaryDirectory(this);
    const from = someDisk(directory);
    const stays = [
      '.disk.raw.partial-zzzzzzzz',
      '.other.raw.partial-0123abcd',
      '.disk.raw.partial-0123abcd.bak',
    ];
    for (const name of [...stays, '.disk.raw.partial-0123abcd']) writeFileSync(join(directory, name), '');
    // Killed between the name and the end: the file is complete.
    linkSync(from, join(directory, '.disk.raw.partial-00000000'));
    const to = join(directory, 'disk.raw');
    await convertDisk({ from, to, format: 'raw', overwrite: false }, silentReporter);
    assert.deepEqual(readdirSync(directory).sort(), [...stays, 'base', 'disk.raw'].sort());
  });

  it('leaves nothing when qemu-img fails or the signal aborts', async function () {
    const directory = temporaryDirectory(this);
    const from = someDisk(directory);
    const to = join(directory, 'disk.vmdk');
    const conversion = { from, to, format: 'vmdk', overwrite: false } as const;
    const bin = temporaryDirectory(this);
    const fake = (script: string): void => {
      writeFileSync(join(bin, 'qemu-img'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    };
    const environment = { PATH: `${bin}:${process.env.PATH ?? ''}` };
    fake('echo "qemu-img: error while writing: No space left on device" >&2; exit 1');
    await withEnvironment(environment, async () => {
      const error = await rejectsWithCode('DISK_FULL', () => convertDisk(conversion, silentReporter));
      assert.match(
        error.message,
        /^The disk has 1(\.\d)? MiB of content, and .* has room for .*; nothing of it/,
      );
    });
    fake('echo "qemu-img: no" >&2; exit 1');
    await withEnvironment(environment, () =>
      rejectsWithCode('CONVERT_FAILED', () => convertDisk(conversion, silentReporter)),
    );
    fake('exec sleep 60');
    const reason = new Error('enough');
    await withEnvironment(environment, () =>
      assert.rejects(
        convertDisk(conversion, silentReporter, AbortSignal.any([abortSoon(reason)])),
        (error) => error === reason,
      ),
    );
    assert.deepEqual(readdirSync(directory), ['base']);
  });

  it('is refused where it cannot be', async function () {
    const directory = temporaryDirectory(this);
    mkdirSync(join(directory, 'directory'));
    symlinkSync('nowhere', join(directory, 'link'));
    for (const [word, overwrite] of [
      ['-', false],
      ['', false],
      [join(directory, 'absent', 'disk.raw'), false],
      [`${directory}/`, false],
      [join(directory, 'x'.repeat(250)), false],
      [join(directory, 'directory'), true],
      [join(directory, 'link'), true],
    ] as const)
      await rejectsWithCode('TARGET_INVALID', () => requireTarget(word, overwrite));
    await rejectsWithCode('FILE_EXISTS', () => requireTarget(join(directory, 'link'), false));
    assert.ok(!existsSync(join(directory, 'nowhere')));
  });
});

function abortSoon(reason: Error): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => {
    controller.abort(reason);
  }, 300);
  return controller.signal;
}
