import { CommanderError } from 'commander';
import { exitCodes } from '../errors.js';
import { inFlags } from './commands/new-vm-options.js';
import { createProgram } from './commands/program.js';
import { watchOutputs } from './output/outputs.js';
import { printFailure, setTranslation } from './output/terminal.js';

/** Runs the command line of this process and sets its exit code. */
async function main(): Promise<void> {
  const program = createProgram();
  try {
    await program.parseAsync();
  } catch (error) {
    // Commander has said what was wrong, or has shown the help that was asked for.
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : exitCodes.usage;
    else process.exitCode = printFailure(error);
  }
}

watchOutputs();
setTranslation(inFlags);
await main();
