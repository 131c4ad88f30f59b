import assert from 'node:assert/strict';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { isInstalled, runProcess } from '../../../src/process.js';
import { silentReporter } from '../../../src/report.js';
import { checkCloudInit, makeCloudInitIso, tellOfHostKeys } from '../../../src/vm/guest/cloud-init.js';
import { rejectsWithCode } from '../../support/rejects.js';
import { temporaryDirectory } from '../../support/temporary.js';

describe('the disk with cloud-init’s data', () => {
  function seed(context: Mocha.Context, files: Record<string, string>): string {
    const directory = join(temporaryDirectory(context), 'seed');
    mkdirSync(directory);
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
    return directory;
  }

  it('has the user’s files, and vendor-data that keep the host key', async function () {
    if (!(await isInstalled('xorriso'))) throw new Error('This test needs xorriso');
    const directory = seed(this, { 'user-data': '#cloud-config\n', 'meta-data': '', secret: 'x' });
    mkdirSync(join(directory, 'more'));
    writeFileSync(join(directory, 'more', 'file'), 'more');
    symlinkSync('secret', join(directory, 'link'));
    symlinkSync('.', join(directory, 'more', 'loop'));
    symlinkSync('nowhere', join(directory, 'dangling'));
    chmodSync(join(directory, 'secret'), 0o400);
    chmodSync(join(directory, 'more'), 0o555);
    const work = temporaryDirectory(this);
    const iso = join(work, 'ci.iso');
    await makeCloudInitIso(directory, iso);
    assert.equal(statSync(iso).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(work), ['ci.iso']);
    assert.deepEqual(readdirSync(directory).sort(), [
      'dangling',
      'link',
      'meta-data',
      'more',
      'secret',
      'user-data',
    ]);
    const out = join(work, 'out');
    const { all, exitCode } = await runProcess('xorriso', [
      '-osirrox',
      'on',
      '-indev',
      iso,
      '-extract',
      '/',
      out,
    ]);
    assert.equal(exitCode, 0, all);
    assert.deepEqual(readdirSync(out).sort(), [
      'link',
      'meta-data',
      'more',
      'secret',
      'user-data',
      'vendor-data',
    ]);
    const texts = ['user-data', 'link', join('more', 'file'), 'vendor-data'].map((name) =>
      readFileSync(join(out, name), 'utf8'),
    );
    assert.deepEqual(texts, ['#cloud-config\n', 'x', 'more', '#cloud-config\nssh_deletekeys: false\n']);
  });

  it('cannot be made of vendor-data that are no file', async function () {
    const directory = seed(this, { 'user-data': '', 'meta-data': '' });
    mkdirSync(join(directory, 'vendor-data'));
    const error = await rejectsWithCode('CLOUD_INIT_INVALID', () => checkCloudInit(directory));
    assert.match(error.message, /vendor-data .* to be a file/);
  });

  it('is told of before the boot when it makes the guest replace its host key', async function () {
    const told: string[] = [];
    const report = { ...silentReporter, warn: (sentence: string) => told.push(sentence) };
    await tellOfHostKeys(
      report,
      seed(this, { 'user-data': '#cloud-config\nssh_deletekeys: true\n', 'vendor-data': '' }),
    );
    await tellOfHostKeys(report, seed(this, { 'user-data': '#cloud-config\n', 'meta-data': '' }));
    assert.equal(told.length, 1);
    assert.match(told[0] ?? '', /^The user-data of `cloudInit` says ssh_deletekeys: true: .* its console/);
  });
});
