import { chmodSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { CheckId } from '../../src/checks.js';
import { examineHost, type ExamineOptions, type Finding } from '../../src/doctor/index.js';

/** A directory for PATH in which these programs only are found, as they are on this host or as a script. */
export function pathWith(root: string, programs: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(join(root, 'bin-'));
  for (const [name, what] of Object.entries(programs)) {
    const file = join(directory, name);
    if (what.startsWith('/')) symlinkSync(what, file);
    else {
      writeFileSync(file, `#!/bin/sh\n${what}\n`);
      chmodSync(file, 0o755);
    }
  }
  return directory;
}

/** Examines this host with another PATH. @returns the findings by their ids */
export async function examineWithPath(
  path: string | readonly string[],
  options: ExamineOptions,
): Promise<{ works: boolean } & Record<CheckId, Finding>> {
  const before = process.env.PATH;
  process.env.PATH = typeof path === 'string' ? path : path.join(delimiter);
  try {
    const { works, findings } = await examineHost(options);
    const byId = Object.fromEntries(findings.map((finding) => [finding.id, finding]));
    return Object.assign(byId as Record<CheckId, Finding>, { works });
  } finally {
    process.env.PATH = before;
  }
}
