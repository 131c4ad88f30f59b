import assert from 'node:assert/strict';
import type { Domain } from '../../../src/libvirt/index.js';
import { isUpdateStaged } from '../../../src/vm/guest/staged.js';
import type { VirtualMachine } from '../../../src/vm/virtual-machine.js';
import { asRemote, openTestHost } from '../../support/test-host.js';

describe('whether an update is staged in a guest', () => {
  /** A VM whose agent answers so: a guest of that backend, or an agent that may not open files. */
  function guest(what: 'ostree' | 'composefs' | 'nothing' | 'forbidden', asked: string[]): VirtualMachine {
    const agentCommand = (command: { execute: string; arguments: { path?: string } }): Promise<unknown> => {
      const { path } = command.arguments;
      asked.push(path ?? command.execute);
      if (what === 'forbidden')
        return Promise.reject(new Error('The command guest-file-open has been disabled for this instance'));
      if (path === undefined || path.includes(what)) return Promise.resolve(7);
      return Promise.reject(
        new Error(
          `internal error: unable to execute QEMU agent command: failed to open file '${path}' (mode: 'r'): No such file or directory`,
        ),
      );
    };
    return { domain: { agentCommand } as unknown as Domain } as VirtualMachine;
  }

  it('is known by the note of ostree or of composefs, which its agent finds', async function () {
    const host = asRemote((await openTestHost(this, [])).host);
    for (const backend of ['ostree', 'composefs'] as const) {
      const asked: string[] = [];
      assert.equal(await isUpdateStaged(host, guest(backend, asked)), true);
      assert.equal(asked.at(-2), `/run/${backend}/staged-deployment`);
      assert.equal(asked.at(-1), 'guest-file-close');
    }
    assert.equal(await isUpdateStaged(host, guest('nothing', [])), false);
  });

  it('is not known where the agent may not look and nobody can log in', async function () {
    const host = asRemote((await openTestHost(this, [])).host);
    assert.equal(await isUpdateStaged(host, guest('forbidden', [])), undefined);
  });
});
