import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { joinMachines } from '../../src/podman/machines.js';
import { projectRoot } from '../support/project.js';

function fixture(name: string): never {
  return JSON.parse(readFileSync(join(projectRoot, 'test/podman/fixtures', name), 'utf8')) as never;
}

describe('podman machines', () => {
  it('finds the rootful connection of a running machine, and that it is the default', () => {
    assert.deepEqual(joinMachines(fixture('machine-ls.json'), fixture('connection-ls.json')), [
      {
        name: 'podman-machine-default',
        running: true,
        starting: false,
        rootConnection: 'podman-machine-default-root',
        isDefault: true,
      },
    ]);
  });

  it('knows a stopped one', () => {
    const [machine] = joinMachines(fixture('machine-ls-stopped.json'), fixture('connection-ls.json'));
    assert.equal(machine?.running, false);
  });

  it('takes no connection of another machine', () => {
    const [machine] = joinMachines([{ Name: 'other', Running: true }], fixture('connection-ls.json'));
    assert.equal(machine?.rootConnection, undefined);
    assert.equal(machine?.isDefault, false);
  });
});
