import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { host } from './support/cli.js';

const image = 'localhost/podman-bootc-demo:latest';

/* What installs an image onto a disk, and not into a file, names the disk by a link that says which one it is. */
describe('the stand-in for bootc', () => {
  let directory: string;
  let loop: string;

  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'stand-in-'));
    const file = join(directory, 'disk');
    writeFileSync(file, '');
    truncateSync(file, 2 * 1024 ** 3);
    loop = host('losetup', '--find', '--show', '--partscan', file).trim();
  });

  after(() => {
    host('losetup', '--detach', loop);
    rmSync(directory, { recursive: true });
  });

  it('installs to a disk that is named by a link, as those in /dev/disk/by-id are', () => {
    const links = join(directory, 'by-id');
    mkdirSync(links);
    symlinkSync(loop, join(links, 'virtio-target'));
    const said = host(
      'podman',
      ...['run', '--rm', '--privileged', '--pid=host', '--volume', '/dev:/dev'],
      ...['--volume', `${links}:/dev/disk/by-id`, image],
      ...['bootc', 'install', 'to-disk', '--generic-image', '/dev/disk/by-id/virtio-target'],
    );
    assert.ok(said.includes(`Device: ${loop}\n`), said);
    assert.match(said, /Installation complete!/);
    assert.equal(
      host('blkid', '--probe', '--match-tag', 'LABEL', '--output', 'value', `${loop}p2`),
      'root\n',
    );
  });
});
