import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  incompatibleMachines,
  joinMachines,
  type MachineListEntry,
  type PodmanConnection,
} from '../../src/podman/machines.js';
import { projectRoot } from '../support/project.js';

function fixture(name: string): unknown {
  return JSON.parse(readFileSync(join(projectRoot, 'test/podman/fixtures', name), 'utf8')) as unknown;
}

interface Sample {
  what: string;
  /** Which podman's manual the fields are from. */
  source: string;
  machines: MachineListEntry[];
  connections: PodmanConnection[];
  expected: Record<string, unknown>[];
}

describe('podman machines', () => {
  const recorded = fixture('machine-ls.json') as MachineListEntry[];
  const connections = fixture('connection-ls.json') as PodmanConnection[];

  it('has the rootful connection of a running one, and that it is the default (recorded, 5.4)', () => {
    assert.deepEqual(joinMachines(recorded, connections), [
      {
        name: 'podman-machine-default',
        state: 'running',
        rootConnection: 'podman-machine-default-root',
        isDefault: true,
        provider: 'qemu',
      },
    ]);
  });

  it('knows a stopped one (recorded, 5.4)', () => {
    const [machine] = joinMachines(fixture('machine-ls-stopped.json') as MachineListEntry[], connections);
    assert.equal(machine?.state, 'stopped');
  });

  for (const { what, machines, connections: known, expected } of fixture(
    'machine-versions.json',
  ) as Sample[]) {
    it(`understands ${what}`, () => {
      assert.deepEqual(
        joinMachines(machines, known),
        expected.map((machine) => ({ rootConnection: undefined, ...machine })),
      );
    });
  }

  it('takes no connection of another machine', () => {
    const [machine] = joinMachines([{ Name: 'other', Running: true }], connections);
    assert.equal(machine?.rootConnection, undefined);
    assert.equal(machine?.isDefault, false);
  });

  it('finds those of another podman in what podman says on stderr, which it leaves out of the list', () => {
    // As podman 5 logs it (a quoted message), and as the error of a command.
    const logged = String.raw`time="2026-11-23T13:34:34Z" level=error msg="incompatible machine config \"/home/user/.config/containers/podman/machine/qemu/podman-machine-default.json\" () for this version of Podman"`;
    assert.deepEqual(incompatibleMachines(logged), ['podman-machine-default']);
    assert.deepEqual(
      incompatibleMachines(
        'Error: incompatible machine config "/x/y.json" (work) for this version of Podman',
      ),
      ['work'],
    );
    assert.deepEqual(incompatibleMachines('Error: something else'), []);
  });
});
