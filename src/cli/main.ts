import { CommanderError } from 'commander';
import { exitCodes } from '../errors.js';
import { inFlags } from './commands/new-vm-options.js';
import { createProgram } from './commands/program.js';
import { watchOutputs } from './output/outputs.js';
import { printFailure, setTranslation } from './output/terminal.js';

/** Runs a command line in this process, with its outputs, and sets its exit code. */
export async function runCommandLine(words: readonly string[]): Promise<void> {
  setTranslation(inFlags);
  const program = createProgram();
  try {
    await program.parseAsync(words, { from: 'user' });
  } catch (error) {
    // Commander has said what was wrong, or has shown the help that was asked for.
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : exitCodes.usage;
    else process.exitCode = printFailure(error);
  }
}

/** Runs the command line of this process. */
export async function main(): Promise<void> {
  watchOutputs();
  await runCommandLine(process.argv.slice(2));
}
