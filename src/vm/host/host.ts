import { messageOf, PodmanBootcError } from '../../errors.js';
import { option } from '../../option-text.js';
import { connect, type Connection } from '../../libvirt/index.js';
import { silentReporter, type Reporter } from '../../report.js';
import { ConsoleLog } from './console-log.js';
import type { ConsoleFiles, ConsoleSource } from './console-source.js';
import { directoriesFor, userDirectories, type Directories } from './directories.js';
import { libvirtIdentity } from './libvirt-identity.js';
import { translateNotLoaded } from './not-loaded.js';
import { localPorts, type PortSpace } from './ports.js';
import { localDaemon, readUri } from './uri.js';

/** What of the machine that libvirt runs on is in reach. */
export interface HostFeatures {
  /** Its files are found here under the paths that libvirt names: disks, keys, locks. */
  files: boolean;
  /** Its ports can be tried and connected to from here. */
  ports: boolean;
  /** What guests write to their consoles can be read, also what they wrote before. */
  console: boolean;
  /** It starts QEMU as this process's user, who then reaches whatever we make. */
  runsQemuAsUs: boolean;
}

/**
 * What every operation on VMs works with: one libvirt connection, and the machine that it runs on. Whoever needs something of
 * that machine asks for the feature, and nobody asks the URI.
 */
export interface Host extends AsyncDisposable {
  connection: Connection;
  /** As libvirt calls it. */
  uri: string;
  /** The same libvirt under its one name, whatever the URI (see `libvirtIdentity`). */
  libvirt: string;
  features: HostFeatures;
  /** Where disks and all that belongs to VMs lie; on this host, unless it has the feature `files`. */
  directories: Directories;
  /** Asked only where it has the feature `ports`. */
  ports: PortSpace;
  /** Where a VM's console is read from; called only where it has the feature `console`. */
  console: (files: ConsoleFiles) => ConsoleSource;
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

/** What each operation, as its user calls it, needs of the host besides its libvirt. */
const needs = {
  run: ['files', 'ports'],
  create: ['files', 'ports'],
  'to-disk': ['files'],
  adopt: ['files'],
  rm: ['files'],
  'disk ls': ['files'],
  'disk prune': ['files'],
  ssh: ['files', 'ports'],
  cp: ['files', 'ports'],
  'ssh-config': ['files', 'ports'],
  'wait --state ssh': ['files', 'ports', 'console'],
  'set --volume': ['files', 'ports'],
  logs: ['console'],
  status: ['ports', 'console'],
  upgrade: ['files', 'ports', 'console'],
  rollback: ['files', 'ports', 'console'],
} as const satisfies Record<string, readonly (keyof HostFeatures)[]>;

/** An operation that needs more of a host than its libvirt. */
export type HostOperation = keyof typeof needs;

/**
 * Refuses an operation where the host lacks a feature that it needs.
 * @throws PodmanBootcError `LIBVIRT_REMOTE`
 */
export function requireFeatures(host: Host, operation: HostOperation): void {
  if (needs[operation].every((feature) => host.features[feature])) return;
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
  const { isLocal, isSession } = readUri(reported);
  const libvirt = libvirtIdentity(reported);
  return {
    connection,
    uri: reported,
    libvirt,
    features: {
      files: isLocal,
      ports: isLocal,
      console: isLocal,
      // Root's session daemon may be told another user, as the system's.
      runsQemuAsUs: isSession && process.getuid?.() !== 0,
    },
    directories: options.directories ?? directoriesFor(directories, libvirt),
    ports: localPorts,
    console: (files) => new ConsoleLog(files),
    report: options.reporter ?? silentReporter,
    program: options.program ?? 'podman-bootc',
    waits: options.wait ?? true,
    [Symbol.asyncDispose]: () => connection.close(),
  };
}

function remedyFor(uri: string): string {
  const daemon = localDaemon(uri);
  if (daemon === undefined) return `Check the URI given with ${option('uri')} or LIBVIRT_DEFAULT_URI`;
  if (process.platform === 'darwin')
    return 'Install and start it: brew install libvirt qemu && brew services start libvirt';
  if (daemon === 'system') {
    return 'Start its daemon: systemctl start libvirtd   (without systemd: virtlogd -d && libvirtd -d)';
  }
  return 'Install the session daemon (apt install libvirt-daemon libvirt-daemon-driver-qemu); XDG_RUNTIME_DIR must be set to a directory of yours';
}
