import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withEnvironment } from './environment.js';
import { temporaryDirectory } from './temporary.js';

/** Runs something while the podman in PATH is this shell script. */
export async function withPodman<T>(
  context: Mocha.Context,
  script: string,
  action: () => Promise<T>,
): Promise<T> {
  const directory = temporaryDirectory(context);
  writeFileSync(join(directory, 'podman'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return await withEnvironment({ PATH: `${directory}:${process.env.PATH ?? ''}` }, action);
}

/** A shell script that prints this, whatever it is asked. */
export function printing(text: string): string {
  return `cat <<'END'\n${text}\nEND`;
}
