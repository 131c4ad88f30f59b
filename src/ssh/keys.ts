import { lstat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { codeOf, PodmanBootcError } from '../errors.js';
import { runProcess, type ProcessResult } from '../process.js';

/**
 * Makes an Ed25519 key pair without a passphrase: `file` (mode 0600) and `file.pub`.
 *
 * The keys come from `ssh-keygen`, never from ssh2: its generator strips leading zero bytes, and OpenSSH
 * refuses about one of 150 such keys.
 * @param file path of the private key; its directory must exist and neither file may
 * @param comment stands at the end of the public key; one line
 * @throws PodmanBootcError `SSH_KEYGEN_FAILED`, or `PROGRAM_NOT_FOUND` without ssh-keygen in PATH
 */
export async function generateKeyPair(file: string, comment: string): Promise<void> {
  // Absolute, so that no name is taken for an option.
  const path = resolve(file);
  for (const existing of [path, `${path}.pub`]) {
    if (await exists(existing)) {
      throw new PodmanBootcError('host', 'SSH_KEYGEN_FAILED', `The SSH key ${existing} already exists`, {
        remedy: 'Choose another file, or remove this one if no VM uses it',
      });
    }
  }
  const { exitCode, all } = await sshKeygen(['-q', '-t', 'ed25519', '-N', '', '-C', comment, '-f', path]);
  if (exitCode !== 0) {
    throw new PodmanBootcError('host', 'SSH_KEYGEN_FAILED', `ssh-keygen could not make the key ${path}`, {
      remedy: 'Check that its directory exists, can be written to and has space left',
      output: all,
    });
  }
}

async function sshKeygen(args: readonly string[]): Promise<ProcessResult> {
  try {
    return await runProcess('ssh-keygen', args);
  } catch (error) {
    if (codeOf(error) !== 'PROGRAM_NOT_FOUND') throw error;
    throw new PodmanBootcError('host', 'PROGRAM_NOT_FOUND', 'The program ssh-keygen was not found in PATH', {
      remedy: 'Install the OpenSSH client (package openssh-client or openssh-clients)',
      cause: error,
      check: 'PB018',
    });
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw new PodmanBootcError('host', 'SSH_KEYGEN_FAILED', `The SSH key ${path} cannot be made`, {
      remedy: 'Check that its directory exists and that you may write to it',
      cause: error,
    });
  }
}
