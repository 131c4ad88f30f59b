import { resolve } from 'node:path';
import { checkGivenFile } from '../given-file.js';
import { messageOf, PodmanBootcError } from '../errors.js';
import { option } from '../option-text.js';
import { ownUid } from '../own-file.js';
import { runProcess } from '../process.js';

/** A private key of the user's, which stays where it is. */
export interface Identity {
  /** Absolute path. */
  path: string;
  /** Its public key: one line of authorized_keys. */
  line: string;
}

/**
 * Looks at a private key that is to log in. ssh(1) takes none that others may read, and nobody is there to type a passphrase.
 * @throws PodmanBootcError `IDENTITY_INVALID`
 */
export async function readIdentity(file: string): Promise<Identity> {
  const path = resolve(file);
  const status = await checkGivenFile(path).catch((error: unknown) => {
    throw invalid(file, messageOf(error));
  });
  if (!status.isFile()) throw invalid(file, 'is no regular file, and is read at every login');
  if (status.uid === ownUid() && (status.mode & 0o077) !== 0) {
    throw invalid(
      file,
      `may be read by others (mode ${(status.mode & 0o777).toString(8).padStart(4, '0')}), and ssh takes none such`,
      `chmod 600 ${file}`,
    );
  }
  // -P: it would ask at the terminal for a passphrase.
  const { exitCode, stdout, stderr } = await runProcess('ssh-keygen', ['-y', '-P', '', '-f', path]);
  if (exitCode === 0) return { path, line: stdout.trim() };
  if (/passphrase/i.test(stderr)) {
    throw invalid(
      file,
      'has a passphrase, which nobody is there to type at every login',
      'Make one without for your VMs: ssh-keygen -t ed25519 -N "" -f FILE',
    );
  }
  throw invalid(file, `is no private key: ${stderr.split('\n', 1)[0] ?? ''}`);
}

function invalid(
  file: string,
  what: string,
  remedy = `Name the file of a private key: ${option('identity', '~/.ssh/id_ed25519')}`,
): PodmanBootcError {
  return new PodmanBootcError(
    'usage',
    'IDENTITY_INVALID',
    `The file ${file} of ${option('identity')} ${what}`,
    {
      remedy,
    },
  );
}
