/** What a libvirt URI says of whose files and processes it is about (https://libvirt.org/uri.html). */
export interface UriMeaning {
  /**
   * Whether libvirt's host is this one: its paths are ours. One that is reached over the network counts as another one,
   * whatever its name is: a port of this host may lead anywhere.
   */
  isLocal: boolean;
  /** Whether it is a session of this user's: a daemon, and QEMU, that run as us. */
  isSession: boolean;
}

/** Reads a URI as libvirt reports it, so that aliases (`uri_aliases` in libvirt.conf) are resolved. */
export function readUri(uri: string): UriMeaning {
  const { isLocal, path } = parse(uri);
  return { isLocal, isSession: isLocal && path === '/session' };
}

/**
 * Which of this host's daemons for QEMU a URI means; undefined for another one's, or none. The system's answers root's
 * `qemu:///session`, too.
 */
export function localDaemon(
  uri: string,
  isRoot = process.getuid?.() === 0,
): 'system' | 'session' | undefined {
  const { driver, isLocal, path } = parse(uri);
  if (driver !== 'qemu' || !isLocal) return undefined;
  if (path === '/system' || (path === '/session' && isRoot)) return 'system';
  return path === '/session' ? 'session' : undefined;
}

function parse(uri: string): { driver: string; isLocal: boolean; path: string } {
  const [, driver = '', transport, host = '', path = ''] =
    /^([^:/?#+]+)(?:\+([^:/?#]+))?:(?:\/\/([^/?#]*))?([^?#]*)/.exec(uri) ?? [];
  // Without a transport, a host means TLS, but for the drivers that talk to their hosts themselves, which are elsewhere too.
  const isLocal = driver !== '' && (transport === undefined ? host === '' : transport === 'unix');
  return { driver, isLocal, path };
}
