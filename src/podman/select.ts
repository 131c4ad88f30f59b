import { PodmanBootcError } from '../errors.js';
import { inspectEngine, type EngineInformation, type PodmanEngine } from './engine.js';
import { listConnections, listMachines, type PodmanMachine } from './machines.js';

/** A podman to install with, and why it was taken. */
export interface SelectedEngine {
  engine: PodmanEngine;
  /** One sentence for the user. */
  reason: string;
}

/** What the choice depends on besides podman itself; the defaults are this process's own. */
export interface SelectionHost {
  isRoot?: boolean;
  platform?: NodeJS.Platform;
  signal?: AbortSignal | undefined;
}

/**
 * Chooses the rootful podman that installs images.
 * @param preference `auto`, `machine`, `local` or the name of a podman connection. `auto` takes this host's
 *   podman for root and a running machine for everybody else.
 * @throws PodmanBootcError `PODMAN_NONE_USABLE` and others, each with the one command that helps
 */
export async function selectEngine(preference: string, host: SelectionHost = {}): Promise<SelectedEngine> {
  const platform = host.platform ?? process.platform;
  const isRoot = host.isRoot ?? process.getuid?.() === 0;
  if (preference === '') {
    throw new PodmanBootcError(
      'usage',
      'PODMAN_PREFERENCE_INVALID',
      "Expected --podman to be auto, machine, local or the name of a podman connection, got ''",
      { remedy: 'List the connections with `podman system connection ls`' },
    );
  }
  const localRootful = isRoot && platform === 'linux';
  if (preference === 'local' || (preference === 'auto' && localRootful)) {
    if (localRootful)
      return { engine: { kind: 'local' }, reason: 'Installing with the podman of this host, as root' };
    throw new PodmanBootcError(
      'host',
      'PODMAN_LOCAL_NOT_ROOTFUL',
      platform === 'linux'
        ? '`--podman local` needs root: bootc installs only from a rootful podman'
        : '`--podman local` works on Linux only: on macOS podman runs in a machine',
      {
        remedy:
          platform === 'linux'
            ? 'Run podman-bootc with sudo, or use a podman machine'
            : 'Use `--podman machine`',
      },
    );
  }
  if (preference === 'auto' || preference === 'machine')
    return selectMachine(preference, localRootful, host.signal);
  return selectConnection(preference, host.signal);
}

async function selectMachine(
  preference: string,
  isRoot: boolean,
  signal: AbortSignal | undefined,
): Promise<SelectedEngine> {
  const machines = await listMachines(signal);
  const running = machines.filter((machine) => machine.running && machine.rootConnection !== undefined);
  const chosen =
    running.find((machine) => machine.isDefault) ?? (running.length === 1 ? running[0] : undefined);
  if (chosen?.rootConnection !== undefined) {
    const why = chosen.isDefault ? 'the default machine' : 'the only running machine';
    return {
      engine: { kind: 'machine', connection: chosen.rootConnection },
      reason: `Installing in podman machine ${chosen.name} (${why}, connection ${chosen.rootConnection})`,
    };
  }
  if (running.length > 1) {
    throw new PodmanBootcError(
      'host',
      'PODMAN_MACHINE_AMBIGUOUS',
      `Several podman machines run (${running.map((machine) => machine.name).join(', ')}) and none is the default`,
      { remedy: `Name one: --podman ${running[0]?.rootConnection ?? 'NAME-root'}` },
    );
  }
  throw noneUsable(preference, machines, isRoot);
}

function noneUsable(
  preference: string,
  machines: readonly PodmanMachine[],
  isRoot: boolean,
): PodmanBootcError {
  const stopped = machines.find((machine) => machine.isDefault) ?? machines[0];
  const tried =
    stopped === undefined
      ? 'there is no podman machine'
      : `podman machine ${stopped.name} ${stopped.starting ? 'is still starting' : 'is not running'}`;
  const local =
    preference === 'auto' && !isRoot ? ', and the podman of this host is not rootful for you' : '';
  const remedy =
    stopped === undefined
      ? isRoot
        ? 'Use `--podman local`'
        : 'podman machine init --rootful --now   (or, on Linux, run podman-bootc with sudo)'
      : `podman machine start ${stopped.name}`;
  return new PodmanBootcError(
    'host',
    'PODMAN_NONE_USABLE',
    `bootc installs only from a rootful podman, and none is usable: ${tried}${local}`,
    { remedy },
  );
}

async function selectConnection(name: string, signal: AbortSignal | undefined): Promise<SelectedEngine> {
  const connections = await listConnections(signal);
  const names = connections.map((connection) => connection.Name);
  // A machine's name means root's podman inside it, whatever the machine prefers.
  const connection = names.includes(`${name}-root`) ? `${name}-root` : name;
  if (!names.includes(connection)) {
    throw new PodmanBootcError(
      'host',
      'PODMAN_CONNECTION_UNKNOWN',
      `podman has no connection named '${name}'${names.length > 0 ? `; it has ${names.join(', ')}` : ''}`,
      { remedy: 'List them with `podman system connection ls`' },
    );
  }
  return {
    engine: { kind: 'connection', connection },
    reason: `Installing through podman connection ${connection}, as asked`,
  };
}

/**
 * Makes sure that an engine answers and is rootful.
 * @throws PodmanBootcError `PODMAN_UNREACHABLE` or `PODMAN_ROOTLESS`
 */
export async function requireRootful(engine: PodmanEngine, signal?: AbortSignal): Promise<EngineInformation> {
  const information = await inspectEngine(engine, { signal });
  if (information.rootless) {
    throw new PodmanBootcError(
      'host',
      'PODMAN_ROOTLESS',
      `${engine.connection === undefined ? 'The podman of this host' : `Podman connection ${engine.connection}`} is rootless, and bootc installs only from a rootful podman`,
      {
        remedy:
          engine.kind === 'local'
            ? 'Run podman-bootc with sudo'
            : 'Name a connection to root, such as NAME-root, with --podman',
      },
    );
  }
  return information;
}
