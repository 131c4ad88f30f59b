import { writeSync } from 'node:fs';
import { codeOf, exitCodes, messageOf, type PodmanBootcError } from '../../errors.js';
import { explainSystemError } from '../../system-error.js';

/**
 * Says in a sentence that stdout cannot be written, and ends the process with a failure: what was asked for did not
 * arrive. Where nobody reads it any longer (`podman-bootc list | head -1`) there is nobody to tell. That stderr cannot be
 * written is no reason to leave anything half done.
 */
export function watchOutputs(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit();
    const explained = explainSystemError(error) as Error | PodmanBootcError;
    sayOnStderr(`Error: The output could not be written to stdout: ${lowerFirst(messageOf(explained))}\n`);
    process.exit(exitCodes.failure);
  });
  process.stderr.on('error', () => undefined);
}

function sayOnStderr(text: string): void {
  try {
    writeSync(process.stderr.fd, text);
  } catch (error) {
    // Both are full, or gone: the exit code has to do.
    if (codeOf(error) === undefined) throw error;
  }
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
