import assert from 'node:assert/strict';
import type { Command } from 'commander';
import { allOptions } from '../../../src/cli/commands/shared.js';
import type { GlobalOptions } from '../../../src/cli/options.js';
import { createProgram } from '../../../src/cli/commands/program.js';

/** What a command is told for a command line. */
async function optionsOf(...words: string[]): Promise<GlobalOptions & Record<string, unknown>> {
  const program = createProgram();
  let found: GlobalOptions = {};
  for (const command of program.commands) {
    command.action((...args: unknown[]) => {
      found = allOptions(args.at(-1) as Command);
    });
  }
  await program.parseAsync(words, { from: 'user' });
  return { ...found };
}

describe('the options of a command', () => {
  it('count wherever they stand', async () => {
    assert.equal((await optionsOf('run', '--wait', 'systemd', 'image')).wait, 'systemd');
    assert.equal((await optionsOf('run', 'image')).wait, true);
    for (const flag of ['--no-wait-for-lock', '--no-wait']) {
      assert.equal((await optionsOf('stop', flag, 'web')).waitForLock, false, flag);
      assert.equal((await optionsOf(flag, 'stop', 'web')).waitForLock, false, flag);
      assert.equal((await optionsOf('run', flag, 'image')).waitForLock, false, flag);
    }
    assert.equal((await optionsOf('run', '--wait', 'systemd', 'image')).waitForLock, true);
    assert.equal((await optionsOf('--connect', 'a:///', 'list')).connect, 'a:///');
    assert.equal((await optionsOf('list', '--connect', 'b:///')).connect, 'b:///');
  });

  it('leave the choice of the backend to the image where nothing is said of it', async () => {
    const composefs = async (...words: string[]): Promise<unknown> =>
      (await optionsOf('create', ...words, 'image')).composefsBackend;
    assert.equal(await composefs(), undefined);
    assert.equal(await composefs('--composefs-backend'), true);
    assert.equal(await composefs('--no-composefs-backend'), false);
    const { bootcArg } = await optionsOf('run', '--bootc-arg', '--a=b', '--bootc-arg=--c', 'image');
    assert.deepEqual(bootcArg, ['--a=b', '--c']);
  });

  it('have defaults where they are not given', async () => {
    const { wait, progress, accel } = await optionsOf('run', '--boot-timeout', '30', 'image');
    assert.deepEqual([wait, progress, accel], [true, 'auto', 'auto']);
    assert.equal((await optionsOf('run', '--boot-timeout', '30', 'image')).bootTimeout, 30_000);
  });
});
