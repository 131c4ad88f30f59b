import { statSync } from 'node:fs';
import { delimiter } from 'node:path';

/** Where programs are that only root's own PATH names: `su` without `-`, cron and sudo keep another's (su(1)). */
const administratorsDirectories = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** What a program gets that is started without PATH, as execvp(3) has it. */
const defaultPath = '/usr/local/bin:/usr/bin:/bin';

/** Where programs are looked for: in PATH, and behind it where losetup and libvirt's daemons are. */
export function searchPath(path = process.env.PATH): string {
  const directories = (path === undefined || path === '' ? defaultPath : path).split(delimiter);
  const missing = administratorsDirectories.filter((directory) => !directories.includes(directory));
  return [...directories, ...missing].join(delimiter);
}

/** A directory for temporary files: the one that TMPDIR names, unless that is gone. */
export function temporaryRoot(named = process.env.TMPDIR): string {
  const candidates = [named ?? '', '/tmp', '/var/tmp'];
  return candidates.find((path) => path !== '' && isDirectory(path)) ?? '/tmp';
}

/**
 * What programs find in their environment besides ours: words that we can read, and nothing that is gone.
 * @param locale `ours` for a program whose words nobody parses, and which takes names of files apart
 */
export function programEnvironment(locale: 'C' | 'ours' = 'C'): NodeJS.ProcessEnv {
  const { TMPDIR } = process.env;
  return {
    PATH: searchPath(),
    ...(locale === 'C' && { LC_ALL: 'C' }),
    ...(TMPDIR !== undefined && !isDirectory(TMPDIR) && { TMPDIR: undefined }),
  };
}

/** A working directory for programs: ours, or the root where ours was removed. Many programs refuse to run in none. */
export function workingDirectory(): string {
  try {
    const directory = process.cwd();
    return isDirectory(directory) ? directory : '/';
  } catch {
    return '/';
  }
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
