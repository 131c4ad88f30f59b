import { sshOptions } from './options.js';
import type { LoginTarget } from './target.js';

/**
 * A block for ssh_config(5) with which the system's ssh logs in to a VM.
 * @param names what the VM shall be called there; one that ssh would read as a pattern or a list is left out
 * @param o.firstContact whether the guest shows a host key of its own at the first contact, which ssh then pins
 * @throws PodmanBootcError `SSH_PATH_UNSUPPORTED`, `HOST_KEY_ALIAS_INVALID`
 */
export function formatSshConfig(
  names: readonly string[],
  t: LoginTarget,
  o: { firstContact: boolean },
): string {
  const options = {
    HostName: t.host ?? '127.0.0.1',
    Port: String(t.port),
    User: t.user,
    ...sshOptions(t),
    ...(o.firstContact && { StrictHostKeyChecking: 'accept-new' }),
  };
  const patterns = names.filter((name) => /^[A-Za-z0-9_.-]+$/.test(name));
  const lines = Object.entries(options).map(([name, value]) => `  ${name} ${value}\n`);
  return `Host ${patterns.join(' ')}\n${lines.join('')}`;
}
