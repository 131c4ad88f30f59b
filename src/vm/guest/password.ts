import { access, readFile, rm, writeFile } from 'node:fs/promises';
import { messageOf, PodmanBootcError } from '../../errors.js';
import { option } from '../../option-text.js';
import { readGivenFile } from '../../given-file.js';
import { runProcess } from '../../process.js';
import { KiB } from '../../sizes.js';
import { sshArguments } from '../../ssh/session.js';
import type { Host } from '../host/host.js';
import { directoryOf, loginTarget, type VirtualMachine } from '../virtual-machine.js';
import type { VmDirectory } from '../files/vm-directory.js';

/** systemd's name for the hash of root's password (systemd.system-credentials(7)). */
export const passwordCredential = 'passwd.hashed-password.root';

/** What crypt(3) takes. */
const longest = 511;

/**
 * Reads a password: the first line of a file.
 * @throws PodmanBootcError `PASSWORD_FILE_INVALID`, whose message never holds the password
 */
export async function readPassword(file: string): Promise<string> {
  const text = await readGivenFile(file, { most: 4 * KiB }).catch((error: unknown) => {
    throw invalid(file, messageOf(error));
  });
  const password = text.replace(/\r?\n$/, '');
  if (password === '') throw invalid(file, 'is empty');
  if (/\p{Control}/u.test(password)) throw invalid(file, 'holds more than one line, or control characters');
  if (Buffer.byteLength(password) > longest) throw invalid(file, `holds more than ${longest} bytes`);
  return password;
}

function invalid(file: string, what: string): PodmanBootcError {
  return new PodmanBootcError(
    'usage',
    'PASSWORD_FILE_INVALID',
    `The file ${file} of ${option('passwordFile')} ${what}`,
    {
      remedy: 'Put the password into a file that only you can read, on one line',
    },
  );
}

/**
 * Puts the hash of root's password where QEMU hands it over from, and notes that the guest has not got it. The hash is
 * SHA-512 of crypt(3), which every image's login knows.
 */
export async function preparePassword(directory: VmDirectory, password: string): Promise<void> {
  const { encrypt } = await import('unixcrypt');
  await writeFile(directory.password, encrypt(password), { mode: 0o600 });
  await writeFile(directory.passwordPending, '', { mode: 0o600 });
}

/** Whether a VM was made with this password for root. */
export async function hasPassword(vm: VirtualMachine, password: string): Promise<boolean> {
  const { verify } = await import('unixcrypt');
  const hash = await readFile(directoryOf(vm)?.password ?? '', 'utf8').catch(() => undefined);
  return hash !== undefined && verify(password, hash);
}

/** Whether root's password is still to be set in the guest. */
export async function isPasswordPending(vm: VirtualMachine): Promise<boolean> {
  return access(directoryOf(vm)?.passwordPending ?? '').then(
    () => true,
    () => false,
  );
}

/**
 * Sets root's password in a guest that can be logged in to, once. systemd sets it from the credential only where the
 * image's root account has no entry for a password yet; most images have one ("*", locked), which it leaves alone.
 */
export async function settlePassword(host: Host, vm: VirtualMachine): Promise<void> {
  const directory = directoryOf(vm);
  if (!directory || !(await isPasswordPending(vm))) return;
  const target = loginTarget(host, vm);
  const hash = await readFile(directory.password, 'utf8');
  // Over stdin: no argument of any process shows it, here or in the guest.
  const command = `${target.user === 'root' ? '' : 'sudo -n '}chpasswd --encrypted`;
  const result = await runProcess('ssh', sshArguments(target, [command]), { input: `root:${hash}\n` });
  if (result.exitCode !== 0) {
    host.report.warn(
      `The password of root could not be set in ${vm.name}: ${result.stderr || 'no reason given'}`,
    );
    return;
  }
  await rm(directory.passwordPending, { force: true });
}
