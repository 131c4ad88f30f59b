import { resolve } from 'node:path';
import { PodmanBootcError } from '../errors.js';
import { knownHostName } from './known-hosts.js';
import type { LoginTarget } from './target.js';
import { checkLoginName } from './user.js';

/**
 * The options of ssh_config(5) for a VM, but host, port and user: only the VM's key and its pinned host key count.
 * @throws PodmanBootcError `SSH_PATH_UNSUPPORTED` for a path that ssh cannot be told, `HOST_KEY_ALIAS_INVALID`, `USER_INVALID`
 */
export function sshOptions(t: LoginTarget): Record<string, string> {
  // Every way to ssh comes through here, and the VM's record may have been written by anybody.
  checkLoginName(t.user, 'the user to log in as');
  return {
    // Not `-i`, which checks the path before it unfolds the `%%` in it.
    IdentityFile: pathValue(t.identityFile),
    IdentitiesOnly: 'yes',
    IdentityAgent: 'none',
    PreferredAuthentications: 'publickey',
    PasswordAuthentication: 'no',
    KbdInteractiveAuthentication: 'no',
    StrictHostKeyChecking: 'yes',
    UserKnownHostsFile: pathValue(t.knownHostsFile),
    GlobalKnownHostsFile: '/dev/null',
    HostKeyAlias: knownHostName(t.hostKeyAlias),
    CheckHostIP: 'no',
    // ssh would otherwise add the guest's other keys to the file behind our back.
    UpdateHostKeys: 'no',
    ForwardAgent: 'no',
    ForwardX11: 'no',
    LogLevel: 'ERROR',
  };
}

/** The arguments of `ssh` and `scp` that leave the user's own configuration out and bring the VM's options. */
export function clientArguments(t: LoginTarget): string[] {
  return [
    '-F',
    'none',
    ...Object.entries(sshOptions(t)).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
  ];
}

/**
 * A path as the value of an ssh option: quoted for the tokenizer of ssh_config(5) (OpenSSH 8.7 and newer
 * unescape `\"` and `\\` inside quotes), `%` doubled against its tokens.
 */
function pathValue(path: string): string {
  const absolute = resolve(path);
  // ssh expands `${NAME}` in these options and knows no way to write it literally.
  // eslint-disable-next-line no-control-regex -- control characters are what is refused
  if (absolute.includes('${') || /[\u0000-\u001f\u007f]/.test(absolute)) {
    throw new PodmanBootcError(
      'host',
      'SSH_PATH_UNSUPPORTED',
      `ssh cannot be told the path ${JSON.stringify(absolute)}`,
      { remedy: 'Use a directory whose path holds neither ${ nor control characters' },
    );
  }
  return `"${absolute.replace(/[\\"]/g, '\\$&').replaceAll('%', '%%')}"`;
}
