import assert from 'node:assert/strict';
import type { Command } from 'commander';
import { allOptions, type GlobalOptions } from '../../src/cli/options.js';
import { createProgram } from '../../src/cli/program.js';

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
    assert.equal((await optionsOf('stop', '--no-wait', 'web')).wait, false);
    assert.equal((await optionsOf('--no-wait', 'stop', 'web')).wait, false);
    assert.equal((await optionsOf('--connect', 'a:///', 'list')).connect, 'a:///');
    assert.equal((await optionsOf('list', '--connect', 'b:///')).connect, 'b:///');
  });

  it('have defaults where they are not given', async () => {
    const { wait, progress, accel } = await optionsOf('run', '--boot-timeout', '30', 'image');
    assert.deepEqual([wait, progress, accel], [true, 'auto', 'auto']);
    assert.equal((await optionsOf('run', '--boot-timeout', '30', 'image')).bootTimeout, 30_000);
  });
});
