import { messageOf, PodmanBootcError } from '../../errors.js';
import { option } from '../../option-text.js';
import { connect, type Connection } from '../../libvirt/index.js';
import { silentReporter, type Reporter } from '../../report.js';
import { directoriesFor, userDirectories, type Directories } from './directories.js';
import { libvirtIdentity } from './libvirt-identity.js';
import { translateNotLoaded } from './not-loaded.js';
import { featuresOf } from './uri.js';

/** What every operation on VMs works with: one libvirt connection, directories, a listener. */
export interface Host extends AsyncDisposable {
  connection: Connection;
  /** As libvirt calls it. */
  uri: string;
  /** The same libvirt under its one name, whatever the URI (see `libvirtIdentity`). */
  libvirt: string;
  /** Whether libvirt runs on this host: whoever needs files of its asks this, and nobody asks the URI. */
  isLocal: boolean;
  /** Whether it starts QEMU as this process's user, who then reaches whatever we make. */
  runsQemuAsUs: boolean;
  directories: Directories;
  report: Reporter;
  /** What this process is called where another one waits for it: `podman-bootc rm`. */
  program: string;
  /** Whether a lock that somebody else holds is waited for. */
  waits: boolean;
}

/** How `openHost` reaches libvirt. */
export interface HostOptions {
  /** Libvirt URI; default LIBVIRT_DEFAULT_URI, else `qemu:///session`. */
  uri?: string | undefined;
  /** Default: says nothing. */
  reporter?: Reporter | undefined;
  directories?: Directories | undefined;
  /** What others are told who wait for this process; default `podman-bootc`. */
  program?: string | undefined;
  /** Waits for what another podman-bootc works on (default), or fails with `BUSY`. */
  wait?: boolean | undefined;
  signal?: AbortSignal | undefined;
  /** Milliseconds; default 20,000. A daemon that starts itself needs a second or two. */
  timeout?: number;
}

/**
 * Refuses what needs files or ports of the host that libvirt runs on, where that is another one.
 * @param operation as its user calls it, such as `create`
 * @throws PodmanBootcError `LIBVIRT_REMOTE`
 */
export function requireLocal(host: Host, operation: string): void {
  if (host.isLocal) return;
  throw new PodmanBootcError(
    'usage',
    'LIBVIRT_REMOTE',
    `Expected a libvirt of this host for \`${operation}\`, which works with files and ports of its own, got ${host.uri}`,
    { remedy: 'Run podman-bootc on that host, for example by ssh' },
  );
}

/**
 * Connects to libvirt.
 * @throws PodmanBootcError `LIBVIRT_UNREACHABLE`, `LIBVIRT_NOT_LOADED`
 */
export async function openHost(options: HostOptions = {}): Promise<Host> {
  const directories = options.directories ?? userDirectories();
  const asked = options.uri ?? process.env.LIBVIRT_DEFAULT_URI;
  const uri = asked === undefined || asked === '' ? 'qemu:///session' : asked;
  const timeout = AbortSignal.timeout(options.timeout ?? 20_000);
  const signal = options.signal ? AbortSignal.any([timeout, options.signal]) : timeout;
  let connection: Connection;
  try {
    connection = await connect(uri, { signal });
  } catch (error) {
    options.signal?.throwIfAborted();
    const translated = translateNotLoaded(error);
    if (translated !== error) throw translated;
    const why = timeout.aborted
      ? `no answer within ${(options.timeout ?? 20_000) / 1000} s`
      : messageOf(error);
    throw new PodmanBootcError('host', 'LIBVIRT_UNREACHABLE', `libvirt does not answer at ${uri}: ${why}`, {
      remedy: remedyFor(uri),
      cause: error,
    });
  }
  const reported = await connection.getUri();
  const { isLocal, isSession } = featuresOf(reported);
  const libvirt = libvirtIdentity(reported);
  return {
    connection,
    uri: reported,
    libvirt,
    isLocal,
    // Root's session daemon may be told another user, as the system's.
    runsQemuAsUs: isSession && process.getuid?.() !== 0,
    directories: options.directories ?? directoriesFor(directories, libvirt),
    report: options.reporter ?? silentReporter,
    program: options.program ?? 'podman-bootc',
    waits: options.wait ?? true,
    [Symbol.asyncDispose]: () => connection.close(),
  };
}

function remedyFor(uri: string): string {
  if (!/^qemu(\+unix)?:\/\/\//.test(uri))
    return `Check the URI given with ${option('uri')} or LIBVIRT_DEFAULT_URI`;
  if (process.platform === 'darwin')
    return 'Install and start it: brew install libvirt qemu && brew services start libvirt';
  if (process.getuid?.() === 0 || uri.includes('/system')) {
    return 'Start its daemon: systemctl start libvirtd   (without systemd: virtlogd -d && libvirtd -d)';
  }
  return 'Install the session daemon (apt install libvirt-daemon libvirt-daemon-driver-qemu); XDG_RUNTIME_DIR must be set to a directory of yours';
}
