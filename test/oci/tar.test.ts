import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { contentOf, readTar, writeTar, type TarMember } from '../../src/oci/tar.js';
import { temporaryDirectory } from '../support/temporary.js';
import { makeLayer } from './archive-support.js';

async function textOf(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

describe('the archive of a layer', () => {
  const long = `usr/share/${'directory-with-a-long-name/'.repeat(12)}äfile`;
  const files = {
    'usr/bin/tool': 'a program',
    'usr/bin/other': '= usr/bin/tool',
    'usr/bin/link': '-> tool',
    'usr/share/empty': null,
    'usr/share/nothing': '',
    [long]: 'far below',
    'usr/share/long-link': `-> ${'x/'.repeat(80)}end`,
    'usr/share/large': 'x'.repeat(300_000),
  };

  for (const format of ['gnu', 'pax', 'ustar'])
    it(`is read as tar writes it (${format})`, async function () {
      const directory = temporaryDirectory(this);
      const { [long]: _long, 'usr/share/long-link': _link, ...short } = files;
      const archive = makeLayer(directory, format, format === 'ustar' ? short : files, [
        `--format=${format}`,
      ]);
      const entries = new Map((await readTar(archive)).map((entry) => [entry.path, entry]));
      const of = (path: string): object => {
        const { type, mode, size, target } = entries.get(path) ?? assert.fail(path);
        return { type, mode: mode.toString(8), size, target };
      };
      assert.deepEqual(of('usr/bin/link').valueOf(), {
        type: 'symlink',
        mode: '777',
        size: 0,
        target: 'tool',
      });
      // tar writes the first name that it meets as the file.
      assert.deepEqual(of('usr/bin/other'), { type: 'file', mode: '644', size: 9, target: '' });
      assert.deepEqual(of('usr/bin/tool'), { type: 'link', mode: '644', size: 0, target: 'usr/bin/other' });
      assert.deepEqual(of('usr/share/empty'), { type: 'directory', mode: '755', size: 0, target: '' });
      assert.deepEqual(of('usr/share/nothing'), { type: 'file', mode: '644', size: 0, target: '' });
      const large = entries.get('usr/share/large') ?? assert.fail();
      assert.equal((await textOf(contentOf(large))).toString(), files['usr/share/large']);
      if (format === 'ustar') return;
      const far = entries.get(long) ?? assert.fail(long);
      assert.equal((await textOf(contentOf(far))).toString(), 'far below');
      assert.equal((of('usr/share/long-link') as { target: string }).target.length, 163);
    });

  it('goes into another one as it was, which tar unpacks', async function () {
    const directory = temporaryDirectory(this);
    const archive = makeLayer(directory, 'layer', files, ['--format=gnu', '--owner=3000000', '--group=7']);
    const members: TarMember[] = [{ path: 'run/record', text: '{}\n' }];
    for (const entry of (await readTar(archive)).filter(({ path }) => path !== ''))
      members.push(entry.type === 'link' ? { entry, sameAs: entry.target } : { entry });
    const written = join(directory, 'written.tar');
    writeFileSync(written, await textOf(writeTar(members)));
    const tree = join(directory, 'tree');
    mkdirSync(tree);
    execFileSync('tar', ['-x', '-P', '-f', written, '-C', tree, '--no-same-owner']);
    execFileSync('rm', ['-r', join(tree, 'run')]);
    execFileSync('diff', ['--recursive', '--no-dereference', join(directory, 'layer.tree'), tree]);
    assert.equal(statSync(join(tree, 'usr/bin/tool')).ino, statSync(join(tree, 'usr/bin/other')).ino);
    assert.equal(statSync(join(tree, 'usr/bin/other')).mtimeMs, 1000);
    assert.match(
      execFileSync('tar', ['-t', '-v', '--numeric-owner', '-f', written], { encoding: 'utf8' }),
      /^-rw-r--r-- 3000000\/7 .* usr\/bin\/other$/m,
    );
  });

  it('keeps extended attributes, which are bytes', async function () {
    const directory = temporaryDirectory(this);
    const value = Buffer.from([1, 0, 0, 2, 0xff, 0xfe, 10, 61, 0]);
    const [entry] = await readTar(makeLayer(directory, 'plain', { 'a/b': 'x' })).then((all) => all.slice(-1));
    assert.ok(entry);
    const written = join(directory, 'attributes.tar');
    const attributes = new Map([['security.capability', value]]);
    writeFileSync(written, await textOf(writeTar([{ entry: { ...entry, attributes } }])));
    const [read] = await readTar(written);
    assert.deepEqual(read?.attributes.get('security.capability'), value);
    assert.match(readFileSync(written).toString('latin1'), /\d+ SCHILY\.xattr\.security\.capability=/);
  });

  it('is refused where it is damaged, or leads out of itself', async function () {
    const directory = temporaryDirectory(this);
    const archive = makeLayer(directory, 'layer', files);
    truncateSync(archive, 300_000);
    await assert.rejects(readTar(archive), /ends in the middle/);
    writeFileSync(archive, 'x'.repeat(2048));
    await assert.rejects(readTar(archive), /it is no archive/);
    makeLayer(directory, 'outside', { a: 'x' });
    execFileSync('tar', [
      '-c',
      '-P',
      '-f',
      archive,
      '--transform',
      's,.*,../../etc/passwd,',
      join(directory, 'outside.tree/a'),
    ]);
    await assert.rejects(readTar(archive), /"..\/..\/etc\/passwd", which leads out of it/);
  });
});
