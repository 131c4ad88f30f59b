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
  const ordinary = { isRoot: false, platform: 'linux', environment: {} } as const;
  const path = process.env.PATH ?? '';
  let directory: string;

  /** Makes `podman` print these; a machine that it starts changes what it prints next. */
  function answer(machines: unknown[], known: unknown[], { said = '', version = '5.4.2' } = {}): void {
    for (const [name, content] of [
      ['machines', JSON.stringify(machines)],
      ['connections', JSON.stringify(known)],
      ['said', said],
      ['version', `podman version ${version}`],
      ['started', ''],
    ] as const) {
      writeFileSync(join(directory, name), content);
    }
  }

  before(function () {
    directory = temporaryDirectory(this);
    writeFileSync(
      join(directory, 'podman'),
      `#!/bin/sh
cd ${directory}
case "$1 $2" in
  'machine ls') cat machines; cat said >&2;;
  'machine start') echo "$*" >>started;;
  'system connection') cat connections;;
  '--version '*) cat version;;
  *) echo 'Error: unable to connect to Podman socket' >&2; exit 125;;
esac
`,
      { mode: 0o755 },
    );
    process.env.PATH = `${directory}${delimiter}${path}`;
  });

  after(() => {
    process.env.PATH = path;
  });

  it("takes this host's for root, and says so", async () => {
    const { engine, reason } = await selectEngine('auto', { ...ordinary, isRoot: true });
    assert.deepEqual(engine, { kind: 'local' });
    assert.match(reason, /podman of this host, as root/);
  });

  it("takes root's connection of the running machine for an ordinary user, and says so", async () => {
    answer([running], connections);
    const { engine, reason } = await selectEngine('auto', ordinary);
    assert.deepEqual(engine, {
      kind: 'machine',
      connection: 'podman-machine-default-root',
      machine: 'podman-machine-default',
    });
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
    assert.match(error.remedy ?? '', /`podman: other`, .*podman system connection default other-root/);
    answer(
      [other, { ...running, Running: false }],
      [...others, { ...user, Default: false }, { ...root, Default: false }],
    );
    assert.match((await selectEngine('auto', ordinary)).reason, /machine other \(the only running machine/);
  });

  const name = 'podman-machine-default';
  const other = { ...running, Name: 'other' };
  const unusable: [string, unknown[], string, string, RegExp, RegExp][] = [
    [
      'no machine',
      [],
      '',
      'PODMAN_NONE_USABLE',
      /there is no podman machine, and the podman of this host is not rootful/,
      /^podman machine init --rootful --now/,
    ],
    [
      'a stopped machine',
      [stopped],
      '',
      'PODMAN_MACHINE_STOPPED',
      /^Podman machine podman-machine-default \(the default machine\) is not running$/,
      /^podman machine start podman-machine-default .*`startMachine`/,
    ],
    [
      'a stopped default machine while another runs',
      [stopped, other],
      '',
      'PODMAN_MACHINE_STOPPED',
      /is not running; other is$/,
      /`podman: other`, or: podman machine stop other && podman machine start podman-machine-default/,
    ],
    [
      'a starting machine',
      [{ ...stopped, Starting: true }],
      '',
      'PODMAN_MACHINE_STARTING',
      /is still starting/,
      /podman machine ls/,
    ],
    [
      'a machine of another podman',
      [],
      `level=error msg="incompatible machine config \\"/home/user/.config/containers/podman/machine/qemu/${name}.json\\" () for this version of Podman"`,
      'PODMAN_MACHINE_INCOMPATIBLE',
      /configuration of podman machine podman-machine-default was written by another version of podman/,
      /podman machine rm podman-machine-default && podman machine init --rootful --now/,
    ],
  ];
  for (const [what, machines, said, code, sentence, remedy] of unusable) {
    it(`says with ${what} what was tried and the one command that helps`, async () => {
      answer(machines, machines.length === 0 ? [] : connections, { said });
      const error = await rejectsWithCode(code, () => selectEngine('auto', ordinary));
      assert.match(error.message, sentence);
      assert.match(error.remedy ?? '', remedy);
      assert.equal(readFileSync(join(directory, 'started'), 'utf8'), '', 'nothing is started unasked');
    });
  }

  it('starts a machine when asked to, without and with a question', async () => {
    answer([stopped], connections);
    await selectEngine('auto', { ...ordinary, startMachine: true });
    assert.equal(readFileSync(join(directory, 'started'), 'utf8'), `machine start ${name}\n`);
    const questions: string[] = [];
    const confirm = (reply: boolean) => (question: string) => {
      questions.push(question);
      return Promise.resolve(reply);
    };
    answer([stopped], connections, { version: '6.0.1' });
    await selectEngine(name, { ...ordinary, confirm: confirm(true) });
    assert.equal(
      readFileSync(join(directory, 'started'), 'utf8'),
      `machine start --update-connection=false ${name}\n`,
      'from 6.0 on it would ask something itself',
    );
    answer([stopped], connections);
    await rejectsWithCode('PODMAN_MACHINE_STOPPED', () =>
      selectEngine('auto', { ...ordinary, confirm: confirm(false) }),
    );
    assert.match(
      questions[1] ?? '',
      /podman-machine-default \(the default machine\) is not running. Start it\?/,
    );
  });

  it('respects CONTAINER_CONNECTION and CONTAINER_HOST, unless told otherwise', async () => {
    answer([running], [...connections, { Name: 'server', Default: false }]);
    const url = 'unix:///run/user/1000/podman/podman.sock';
    for (const [environment, engine] of [
      [{ CONTAINER_CONNECTION: 'server' }, { kind: 'connection', connection: 'server' }],
      [{ CONTAINER_HOST: url }, { kind: 'url', url }],
      [
        { CONTAINER_HOST: url, CONTAINER_CONNECTION: 'server' },
        { kind: 'connection', connection: 'server' },
      ],
    ] as const) {
      for (const isRoot of [true, false]) {
        const selected = await selectEngine('auto', { ...ordinary, isRoot, environment });
        assert.deepEqual(selected.engine, engine);
        assert.match(selected.reason, /as CONTAINER_(HOST|CONNECTION) says/);
      }
    }
    const environment = { CONTAINER_HOST: url };
    assert.equal((await selectEngine(name, { ...ordinary, environment })).engine.machine, name);
    assert.equal(
      (await selectEngine('local', { ...ordinary, isRoot: true, environment })).engine.kind,
      'local',
    );
  });

  it('knows the connection of a machine that is gone', async () => {
    answer([], [{ ...root, IsMachine: true }]);
    const error = await rejectsWithCode('PODMAN_CONNECTION_STALE', () => selectEngine(root.Name, ordinary));
    assert.equal(error.remedy, 'podman system connection rm podman-machine-default-root');
  });

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
    assert.match(
      unknown.message,
      /no machine and no connection named 'nowhere'; it has podman-machine-default, podman-machine-default-root/,
    );
    for (const platform of ['linux', 'darwin'] as const) {
      const error = await rejectsWithCode('PODMAN_LOCAL_NOT_ROOTFUL', () =>
        selectEngine('local', { ...ordinary, platform }),
      );
      assert.ok(error.remedy);
    }
    await rejectsWithCode('PODMAN_PREFERENCE_INVALID', () => selectEngine('', ordinary));
  });
});
