import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { selectEngine } from '../../src/podman/select.js';
import { projectRoot } from '../support/project.js';
import { rejectsWithCode } from '../support/rejects.js';
import { temporaryDirectory } from '../support/temporary.js';

interface Machine {
  Name: string;
  Running: boolean;
  Starting: boolean;
  Default: boolean;
}

interface Connection {
  Name: string;
  Default: boolean;
}

function fixture(name: string): unknown {
  return JSON.parse(readFileSync(join(projectRoot, 'test/podman/fixtures', name), 'utf8'));
}

/*
 * The answers are podman 5.4's, recorded, some with another name or state. The end-to-end suite asks a real podman for
 * connections; what is tested here is the choice.
 */
describe('choice of a podman', () => {
  const [running] = fixture('machine-ls.json') as [Machine];
  const [stopped] = fixture('machine-ls-stopped.json') as [Machine];
  const connections = fixture('connection-ls.json') as Connection[];
  const [user, root] = connections as [Connection, Connection];
  const ordinary = { isRoot: false, platform: 'linux' } as const;
  const path = process.env.PATH ?? '';
  let directory: string;

  /** Makes `podman` print these. */
  function answer(machines: unknown[], known: unknown[]): void {
    writeFileSync(join(directory, 'machines'), JSON.stringify(machines));
    writeFileSync(join(directory, 'connections'), JSON.stringify(known));
  }

  before(function () {
    directory = temporaryDirectory(this);
    writeFileSync(
      join(directory, 'podman'),
      `#!/bin/sh\ncase $1 in machine) cat ${directory}/machines;; system) cat ${directory}/connections;; *) exit 1;; esac\n`,
      { mode: 0o755 },
    );
    process.env.PATH = `${directory}${delimiter}${path}`;
  });

  after(() => {
    process.env.PATH = path;
  });

  it("takes this host's for root, and says so", async () => {
    const { engine, reason } = await selectEngine('auto', { isRoot: true, platform: 'linux' });
    assert.deepEqual(engine, { kind: 'local' });
    assert.match(reason, /podman of this host, as root/);
  });

  it("takes root's connection of the running machine for an ordinary user, and says so", async () => {
    answer([running], connections);
    const { engine, reason } = await selectEngine('auto', ordinary);
    assert.deepEqual(engine, { kind: 'machine', connection: 'podman-machine-default-root' });
    assert.match(reason, /podman machine podman-machine-default/);
  });

  it('takes that connection also of a machine that prefers rootless', async () => {
    answer(
      [running],
      [
        { ...user, Default: true },
        { ...root, Default: false },
      ],
    );
    assert.equal((await selectEngine('machine', ordinary)).engine.connection, 'podman-machine-default-root');
  });

  it('takes the default of several, and asks when none is', async () => {
    const other = { ...running, Name: 'other' };
    const others = [
      { ...user, Name: 'other', Default: false },
      { ...root, Name: 'other-root', Default: false },
    ];
    answer([other, running], [...others, ...connections]);
    assert.equal((await selectEngine('auto', ordinary)).engine.connection, 'podman-machine-default-root');
    answer([other, running], [...others, { ...user, Default: false }, { ...root, Default: false }]);
    const error = await rejectsWithCode('PODMAN_MACHINE_AMBIGUOUS', () => selectEngine('auto', ordinary));
    assert.match(error.message, /other, podman-machine-default/);
    assert.match(error.remedy ?? '', /--podman other-root/);
  });

  for (const [what, machines, sentence, remedy] of [
    [
      'no machine',
      [],
      /there is no podman machine, and the podman of this host is not rootful/,
      /podman machine init --rootful --now/,
    ],
    [
      'a stopped machine',
      [stopped],
      /podman-machine-default is not running/,
      /^podman machine start podman-machine-default$/,
    ],
    ['a starting machine', [{ ...stopped, Starting: true }], /is still starting/, /./],
  ] as const) {
    it(`says with ${what} what was tried and the one command that helps`, async () => {
      answer([...machines], machines.length === 0 ? [] : connections);
      const error = await rejectsWithCode('PODMAN_NONE_USABLE', () => selectEngine('auto', ordinary));
      assert.match(error.message, sentence);
      assert.match(error.remedy ?? '', remedy);
    });
  }

  it("takes a machine's name for root's connection of it, and any connection by its name", async () => {
    answer([running], [...connections, { Name: 'server', Default: false }]);
    assert.equal(
      (await selectEngine('podman-machine-default', ordinary)).engine.connection,
      'podman-machine-default-root',
    );
    assert.equal((await selectEngine('server', ordinary)).engine.connection, 'server');
  });

  it('refuses what cannot be, each with what to do', async () => {
    answer([running], connections);
    const unknown = await rejectsWithCode('PODMAN_CONNECTION_UNKNOWN', () =>
      selectEngine('nowhere', ordinary),
    );
    assert.match(unknown.message, /it has podman-machine-default, podman-machine-default-root/);
    for (const platform of ['linux', 'darwin'] as const) {
      const error = await rejectsWithCode('PODMAN_LOCAL_NOT_ROOTFUL', () =>
        selectEngine('local', { isRoot: false, platform }),
      );
      assert.ok(error.remedy);
    }
    await rejectsWithCode('PODMAN_PREFERENCE_INVALID', () => selectEngine('', ordinary));
  });
});
