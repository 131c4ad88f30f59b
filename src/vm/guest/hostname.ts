import { PodmanBootcError } from '../../errors.js';
import { option } from '../../option-text.js';

/** What Linux can keep (HOST_NAME_MAX, gethostname(2)). */
const longest = 64;

/**
 * Checks a host name: labels of letters, digits and dashes (RFC 1123), with dots between them.
 * @param what what it was given with, for the message
 * @throws PodmanBootcError `HOSTNAME_INVALID`
 */
export function checkHostname(name: string, what = option('hostname')): void {
  const label = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?';
  if (name.length <= longest && new RegExp(`^${label}(?:\\.${label})*$`).test(name)) return;
  const shown = JSON.stringify(name.length > 80 ? `${name.slice(0, 77)}…` : name);
  throw new PodmanBootcError(
    'usage',
    'HOSTNAME_INVALID',
    `Expected ${what} to be a host name of at most ${longest} letters, digits, dashes and dots, got ${shown}`,
    { remedy: `For example ${option('hostname', 'web-1')} or ${option('hostname', 'web-1.example.org')}` },
  );
}

/**
 * The systemd credential that names a guest early in its boot, beside `/etc/hostname` by way of `tmpfiles.extra`, which
 * comes later and lasts. systemd takes `system.hostname` from 254 on only, and then only without an `/etc/hostname`;
 * `sysctl.extra` it takes from 252 on (systemd-sysctl.service(8)).
 */
export function hostnameCredential(hostname: string): Record<string, string> {
  return { 'sysctl.extra': `kernel.hostname = ${hostname}\n` };
}
