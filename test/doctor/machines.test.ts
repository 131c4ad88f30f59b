import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { CheckId } from '../../src/checks.js';
import type { Finding } from '../../src/doctor/index.js';
import { projectRoot } from '../support/project.js';
import { directoriesIn, temporaryDirectory } from '../support/temporary.js';
import { examineWithPath, pathWith } from './support.js';

const fixtures = join(projectRoot, 'test', 'podman', 'fixtures');

/** A podman that answers what podman 5.4.2 did, with a machine that mounts this of its host (findmnt's JSON). */
function recordedPodman(machines: string, mounts: string): string {
  return `case "$*" in
    '--version') echo 'podman version 5.4.2' ;;
    'machine ls '*) /bin/cat ${join(fixtures, machines)} ;;
    'system connection ls '*) /bin/cat ${join(fixtures, 'connection-ls.json')} ;;
    *info*) echo '{"host":{"arch":"amd64","security":{"rootless":false}}}' ;;
    'machine ssh '*) printf '%s' '${mounts}' ;;
    *) echo "Error: unexpected: $*" >&2; exit 125 ;;
  esac`;
}

const mounts = (...lines: [target: string, options: string][]): string =>
  JSON.stringify({ filesystems: lines.map(([target, options]) => ({ target, options })) });

describe('doctor with a podman machine', () => {
  let root: string;

  before(function () {
    root = temporaryDirectory(this);
  });

  const examine = (machines: string, mounted: string): Promise<Record<CheckId, Finding>> =>
    examineWithPath(pathWith(root, { podman: recordedPodman(machines, mounted) }), {
      uri: 'test:///default',
      podman: 'machine',
      directories: directoriesIn(join(root, 'home')),
    });

  it('finds one that runs and shares the directory', async () => {
    const found = await examine('machine-ls.json', mounts([root, 'rw,relatime']));
    assert.equal(found.PB011.status, 'ok', found.PB011.finding);
    assert.match(found.PB011.finding, /podman-machine-default/);
    assert.equal(found.PB012.finding, 'Machine podman-machine-default is running (default)');
    assert.equal(found.PB013.status, 'ok', found.PB013.finding);
    assert.match(found.PB013.finding, /is in the share \S+ of machine podman-machine-default$/);
    assert.match(found.PB014.finding, /Not needed here/);
  });

  const unshared: [string, () => string, RegExp][] = [
    [
      'shares another',
      () => mounts(['/home/somebody', 'rw']),
      /does not see \S+; it shares \/home\/somebody$/,
    ],
    [
      'shares one whose name begins likewise',
      () => mounts([root.slice(0, -1), 'rw']),
      /does not see \S+; it/,
    ],
    ['may only read it', () => mounts([root, 'ro,relatime']), /may not write to its share/],
    ['shares nothing', () => '', /it shares nothing$/],
  ];
  for (const [what, mounted, finding] of unshared) {
    it(`fails one that ${what}`, async () => {
      const found = await examine('machine-ls.json', mounted());
      assert.equal(found.PB013.status, 'failure');
      assert.match(found.PB013.finding, finding);
    });
  }

  it('offers the start of one that is stopped', async () => {
    const found = await examine('machine-ls-stopped.json', '');
    assert.equal(found.PB011.status, 'failure');
    assert.equal(found.PB011.fix, 'podman machine start podman-machine-default');
    assert.match(found.PB012.finding, /podman-machine-default is stopped/);
    assert.equal(found.PB013.finding, 'Not known because of PB011');
  });
});
