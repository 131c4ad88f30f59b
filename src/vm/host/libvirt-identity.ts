import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';

/*
 * What a VM owns on this host is keyed by the libvirt that has its domain and by its uuid: a user may have several
 * libvirts (session and system, an embedded one), and the same uuid in each.
 */

/** Where a local daemon's socket lies when the URI does not say (libvirt's remote driver), monolithic or modular. */
function isDefaultSocket(path: string): boolean {
  const { XDG_RUNTIME_DIR: runtime = '' } = process.env;
  return ['/run', runtime].some((directory) =>
    ['libvirt', 'virtqemud'].some((daemon) => path === `${directory}/libvirt/${daemon}-sock`),
  );
}

/**
 * One name for one libvirt, however its URI is written: without the transport to a daemon on this host and without
 * parameters that say how to connect. For root qemu:///session is the system's daemon too (libvirt's remote driver takes
 * uid 0 for it).
 * @param uri as libvirt calls it
 */
export function libvirtIdentity(uri: string, isRoot = process.getuid?.() === 0): string {
  let url: URL;
  try {
    url = new URL(uri);
  } catch {
    return uri;
  }
  const [driver = '', transport] = url.protocol.replace(/:$/, '').split('+');
  const isLocal = url.host === '' && (transport === undefined || transport === 'unix');
  const scheme = isLocal || transport === undefined ? driver : `${driver}+${transport}`;
  const path =
    isLocal && isRoot && driver === 'qemu' && url.pathname === '/session' ? '/system' : url.pathname;
  const user = url.username === '' ? '' : `${url.username}@`;
  const parameters = ['root', 'socket'].flatMap((name) => {
    const value = url.searchParams.get(name);
    if (value === null) return [];
    const real = realPath(value);
    return name === 'socket' && isLocal && isDefaultSocket(real) ? [] : [`${name}=${real}`];
  });
  return `${scheme}://${user}${url.host}${path}${parameters.length === 0 ? '' : `?${parameters.join('&')}`}`;
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** The libvirt that is used when nobody says which. Its VMs lie where all VMs lay when there was only one. */
export function isUsualLibvirt(identity: string, isRoot = process.getuid?.() === 0): boolean {
  return identity === (isRoot ? 'qemu:///system' : 'qemu:///session');
}

/** A libvirt's name as the name of a file: readable, and different for different libvirts. */
export function libvirtFileName(identity: string): string {
  const readable = identity
    .replace(/[^A-Za-z0-9]+/g, '-')
    .replace(/-$/, '')
    .slice(0, 24);
  return `${readable}-${createHash('sha256').update(identity).digest('hex').slice(0, 8)}`;
}
