import { posix } from 'node:path';
import { PodmanBootcError } from '../errors.js';

/** The account of the guest that gets the key, as the image's /etc/passwd has it. */
export interface LoginAccount {
  user: string;
  /** Absolute path in the guest. */
  home: string;
  /** Numeric ids, where the image tells them; by default the user's name is resolved in the guest. */
  uid?: number;
  gid?: number;
}

/**
 * A file by which a cloud-init in the image keeps the host key, whatever seed it finds, or none: its cc_ssh deletes all keys at
 * the first boot of an instance otherwise. A seed that says something else still wins.
 */
const keepKeys = {
  // The last in the alphabet counts.
  path: '/etc/cloud/cloud.cfg.d/zz-podman-bootc.cfg',
  text: '# Written by podman-bootc at each boot, which knows the guest by its host key.\nssh_deletekeys: false\n',
};

/**
 * The text of the systemd credential `tmpfiles.extra`: lines for tmpfiles.d(5) that put the authorized
 * keys, and a host key and a host name if given, into the guest at every boot.
 *
 * Read by systemd 252 and newer. Unlike the credential `ssh.authorized_keys.root` it also replaces a file
 * that exists (`f+`). File contents travel as base64 (`~`), which is subject to no quoting. With a host
 * key the text is a secret: hand it over through fw_cfg, not through SMBIOS.
 * @param o.authorizedKeys the whole authorized_keys file
 * @param o.hostKey the guest's Ed25519 host key: the texts of ssh_host_ed25519_key and its .pub
 * @param o.hostname for `/etc/hostname`
 * @throws PodmanBootcError `LOGIN_ACCOUNT_INVALID` for a user or home that cannot be written safely
 */
export function tmpfilesExtra(o: {
  account: LoginAccount;
  authorizedKeys: string;
  hostKey?: { private: string; public: string };
  hostname?: string | undefined;
}): string {
  const { account } = o;
  const home = homeOf(account);
  const owner = ownerOf(account);
  const ssh = posix.join(home, '.ssh');
  const lines: string[] = [];
  // A home that nothing has created yet would otherwise come into being as root's, on the way to .ssh;
  // mode `-` leaves the mode of one that exists alone.
  if (account.user !== 'root') lines.push(`d ${quotePath(home)} - ${owner}`);
  lines.push(`d ${quotePath(ssh)} 0700 ${owner}`);
  lines.push(
    `f+~ ${quotePath(posix.join(ssh, 'authorized_keys'))} 0600 ${owner} - ${base64(o.authorizedKeys)}`,
  );
  if (o.hostKey) {
    // Before the key: cloud-init, which may run at the same time, deletes what it finds unless it has read this.
    lines.push(`f+~ ${keepKeys.path} 0644 root root - ${base64(keepKeys.text)}`);
    // OpenSSH's own paths: sshd reads this file by default, and sshd-keygen leaves one that exists alone.
    const hostKey = '/etc/ssh/ssh_host_ed25519_key';
    lines.push(`f+~ ${hostKey} 0600 root root - ${base64(o.hostKey.private)}`);
    lines.push(`f+~ ${hostKey}.pub 0644 root root - ${base64(o.hostKey.public)}`);
  }
  if (o.hostname !== undefined) lines.push(`f+~ /etc/hostname 0644 root root - ${base64(o.hostname)}`);
  return lines.map((line) => `${line}\n`).join('');
}

function homeOf({ user, home }: LoginAccount): string {
  const normal = posix.normalize(home).replace(/(?<=.)\/$/, '');
  // eslint-disable-next-line no-control-regex -- control characters are what is refused
  if (!home.startsWith('/') || home.split('/').includes('..') || /[\u0000-\u001f\u007f]/.test(home)) {
    throw invalid(`The home directory ${JSON.stringify(home)} of ${user} is not a plain absolute path`);
  }
  // `d / - USER` would give the guest's root directory to the user.
  if (normal === '/' && user !== 'root') {
    throw invalid(`The user ${user} has no home directory of its own and so cannot hold an SSH key`);
  }
  return normal;
}

function ownerOf({ user, uid, gid }: LoginAccount): string {
  // What useradd accepts, upper case and dots besides (systemd.io/USER_NAMES, the relaxed rules); also
  // keeps specifiers, quotes and spaces out of the line.
  if (!/^(?!\d+$)[A-Za-z0-9_][A-Za-z0-9_.-]{0,255}\$?$/.test(user)) {
    throw invalid(`The user name ${JSON.stringify(user)} is not a valid login name`);
  }
  for (const id of [uid, gid]) {
    if (id !== undefined && (!Number.isInteger(id) || id < 0 || id >= 0xffffffff))
      throw invalid(`Expected a user or group id of ${user} to be from 0 to 4294967294, got ${id}`);
  }
  // systemd-tmpfiles drops a line whose group does not exist, and nothing says that a user's group bears
  // the user's name. With `-` the group of what exists stays, and sshd does not care.
  const group = gid === undefined ? (user === 'root' ? 'root' : '-') : String(gid);
  return `${uid ?? user} ${group}`;
}

/** tmpfiles.d(5): fields may be quoted and hold C-style escapes; `%` starts a specifier. */
function quotePath(path: string): string {
  const escaped = path.replace(/[\\"]/g, '\\$&').replaceAll('%', '%%');
  return /[\s"'\\]/.test(path) ? `"${escaped}"` : escaped;
}

function base64(text: string): string {
  return Buffer.from(text.endsWith('\n') ? text : `${text}\n`).toString('base64');
}

function invalid(message: string): PodmanBootcError {
  return new PodmanBootcError('usage', 'LOGIN_ACCOUNT_INVALID', message, {
    remedy: 'Log in as another user of the image',
  });
}
