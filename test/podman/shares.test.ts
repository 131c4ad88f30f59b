import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { PodmanEngine } from '../../src/podman/engine.js';
import { requireShared } from '../../src/podman/shares.js';
import { rejectsWithCode } from '../support/rejects.js';
import { temporaryDirectory } from '../support/temporary.js';

/*
 * The machine here is this host, reached by a podman that runs what it is given in a shell, below another root where
 * the test wants that. The end-to-end suite asks a real one.
 */
describe('the directory of a disk', () => {
  const path = process.env.PATH ?? '';
  const machine: PodmanEngine = { kind: 'machine', connection: 'm-root', machine: 'm' };
  let directory: string;
  let shared: string;

  /** Makes `podman machine ssh … SCRIPT` and the shell of `podman run … IMAGE` do this before the script. */
  function behave(before: string): void {
    writeFileSync(
      join(directory, 'podman'),
      `#!/bin/sh
findmnt() { printf '/Users\\n/private\\n'; }
for script; do :; done
case "$1 $2" in 'machine ssh') ${before}; eval "$script";; *) exit 125;; esac
`,
      { mode: 0o755 },
    );
  }

  before(function () {
    directory = temporaryDirectory(this);
    shared = join(directory, 'a shared "directory"');
    mkdirSync(shared);
    process.env.PATH = `${directory}${delimiter}${path}`;
  });

  afterEach(() => {
    assert.deepEqual(readdirSync(shared), [], 'what was tried out leaves nothing');
  });

  after(() => {
    process.env.PATH = path;
  });

  it('is not asked for where podman runs on this host', async () => {
    await requireShared({ kind: 'local' }, 'image', '/nonexistent');
  });

  it('does when the machine sees it and can write to it, whatever its name', async () => {
    behave(':');
    await requireShared(machine, 'image', shared);
  });

  it('does not when the machine has another one of that name; its shares are named', async () => {
    behave('cat() { :; }');
    const error = await rejectsWithCode('DIRECTORY_NOT_SHARED', () =>
      requireShared(machine, 'image', shared),
    );
    assert.match(
      error.message,
      /^Podman machine m does not see the directory .*; it shares \/Users, \/private$/,
    );
    assert.match(error.remedy ?? '', /`scratch: \/Users` +\(.*podman machine init --rootful --volume /);
  });

  it('does not when an answer does not arrive', async () => {
    behave(`echo() { case $1 in @@*) printf '%s\\n' "$1";; *) return 1;; esac; }`);
    const error = await rejectsWithCode('DIRECTORY_NOT_WRITABLE', () =>
      requireShared(machine, 'image', shared),
    );
    assert.match(error.remedy ?? '', /`scratch: DIRECTORY`/);
  });

  it('does not when podman behind a connection has none of that name', async () => {
    behave(':');
    const connection: PodmanEngine = { kind: 'connection', connection: 'server' };
    const error = await rejectsWithCode('DIRECTORY_NOT_SHARED', () =>
      requireShared(connection, 'image', shared),
    );
    assert.match(error.message, /^Podman connection server does not see/);
    assert.match(error.remedy ?? '', /under the same path, with `scratch/);
  });
});
