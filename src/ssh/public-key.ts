import { readFile } from 'node:fs/promises';
import { codeOf, messageOf, PodmanBootcError } from '../errors.js';
import { runProcess } from '../process.js';

/** A public key of the user's. */
export interface PublicKey {
  /** One line of authorized_keys. */
  line: string;
  /** `SHA256:…` */
  fingerprint: string;
}

/** Far more than anybody's keys. */
const largest = 64 * 1024;

/**
 * Reads a file of public keys, one a line, such as `~/.ssh/id_ed25519.pub`. Options as authorized_keys knows them are not
 * taken. ssh-keygen decides what is a key.
 * @throws PodmanBootcError `SSH_KEY_INVALID`; `PROGRAM_NOT_FOUND` without ssh-keygen in PATH
 */
export async function readPublicKeys(file: string): Promise<PublicKey[]> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw invalid(
      `The file ${file} of --ssh-key cannot be read: ${codeOf(cause) === 'ENOENT' ? 'there is none' : messageOf(cause)}`,
    );
  });
  if (text.includes('PRIVATE KEY-----') || text.startsWith('PuTTY-User-Key-File')) {
    throw invalid(
      `The file ${file} of --ssh-key holds a private key, and the public one is wanted`,
      `${file}.pub`,
    );
  }
  const lines = text
    .slice(0, largest)
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  if (lines.length === 0) throw invalid(`The file ${file} of --ssh-key holds no public key`);
  return Promise.all(lines.map((line) => readLine(file, line)));
}

async function readLine(file: string, line: string): Promise<PublicKey> {
  const isPlain = /^[a-z0-9@.-]+ [A-Za-z0-9+/]+=*(?: \P{Control}*)?$/u.test(line);
  const result = isPlain
    ? await runProcess('ssh-keygen', ['-l', '-E', 'sha256', '-f', '-'], { input: `${line}\n` })
    : undefined;
  const fingerprint = /^\d+ (SHA256:\S+) /.exec(result?.stdout ?? '')?.[1];
  if (fingerprint === undefined) {
    throw invalid(
      `The file ${file} of --ssh-key holds something else than public keys: ${JSON.stringify(line.length > 60 ? `${line.slice(0, 57)}…` : line)}`,
    );
  }
  return { line, fingerprint };
}

function invalid(message: string, example = '~/.ssh/id_ed25519.pub'): PodmanBootcError {
  return new PodmanBootcError('usage', 'SSH_KEY_INVALID', message, {
    remedy: `Name the file of a public key: --ssh-key ${example}`,
  });
}
