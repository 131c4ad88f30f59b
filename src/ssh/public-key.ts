import { createHash } from 'node:crypto';
import { messageOf, PodmanBootcError } from '../errors.js';
import { option } from '../option-text.js';
import { readGivenFile } from '../given-file.js';
import { runProcess } from '../process.js';
import { KiB } from '../sizes.js';

/** A public key of the user's. */
export interface PublicKey {
  /** One line of authorized_keys. */
  line: string;
  /** `SHA256:…` */
  fingerprint: string;
}

/** Bytes of a file; far more than anybody's keys. */
const largest = 64 * KiB;

/** Milliseconds for all keys of all files. */
const patience = 30_000;

/**
 * Reads files of public keys, one a line, such as `~/.ssh/id_ed25519.pub`. Options as authorized_keys knows them are not
 * taken. ssh-keygen decides what is a key; one process of it reads them all.
 * @param name of the option that they were given with
 * @throws PodmanBootcError `SSH_KEY_INVALID`; `PROGRAM_NOT_FOUND` without ssh-keygen in PATH
 */
export async function readPublicKeys(files: readonly string[], name = 'sshKeys'): Promise<PublicKey[]> {
  const keys = (await Promise.all(files.map((file) => readLines(file, name)))).flat();
  if (keys.length === 0) return [];
  const { stdout } = await runProcess('ssh-keygen', ['-l', '-E', 'sha256', '-f', '-'], {
    input: keys.map(({ line }) => `${line}\n`).join(''),
    timeout: patience,
  });
  // It leaves out what is none.
  const known = new Set([...stdout.matchAll(/^\d+ (SHA256:\S+) /gm)].map(([, fingerprint]) => fingerprint));
  return keys.map(({ file, line }) => {
    const fingerprint = fingerprintOf(line);
    if (!known.has(fingerprint)) throw noKey(file, line, name);
    return { line, fingerprint };
  });
}

async function readLines(file: string, name: string): Promise<{ file: string; line: string }[]> {
  const text = await readGivenFile(file, { most: largest }).catch((error: unknown) => {
    throw invalid(name, `The file ${file} of ${option(name)} ${messageOf(error)}`);
  });
  if (text.includes('PRIVATE KEY-----') || text.startsWith('PuTTY-User-Key-File')) {
    throw invalid(
      name,
      `The file ${file} of ${option(name)} holds a private key, and the public one is wanted`,
      `${file}.pub`,
    );
  }
  const lines = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  if (lines.length === 0) throw invalid(name, `The file ${file} of ${option(name)} holds no public key`);
  for (const line of lines)
    if (!/^[a-z0-9@.-]+ [A-Za-z0-9+/]+=*(?: \P{Control}*)?$/u.test(line)) throw noKey(file, line, name);
  return lines.map((line) => ({ file, line }));
}

/** As ssh-keygen makes it: of the key itself, without padding. */
function fingerprintOf(line: string): string {
  const key = Buffer.from(line.split(' ')[1] ?? '', 'base64');
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

function noKey(file: string, line: string, name: string): PodmanBootcError {
  return invalid(
    name,
    `The file ${file} of ${option(name)} holds something else than public keys: ${JSON.stringify(line.length > 60 ? `${line.slice(0, 57)}…` : line)}`,
  );
}

function invalid(name: string, message: string, example = '~/.ssh/id_ed25519.pub'): PodmanBootcError {
  return new PodmanBootcError('usage', 'SSH_KEY_INVALID', message, {
    remedy: `Name the file of a public key: ${option(name, example)}`,
  });
}
