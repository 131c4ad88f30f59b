import { codeOf, PodmanBootcError } from '../errors.js';
import { option } from '../option-text.js';
import { silentReporter, type Reporter } from '../report.js';
import {
  capitalized,
  describeEngine,
  inspectEngine,
  type EngineInformation,
  type PodmanEngine,
} from './engine.js';
import { listConnections, listMachines, startMachine, type PodmanMachine } from './machines.js';

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
  environment?: NodeJS.ProcessEnv;
  /** Starts a machine that does not run without asking; default false. */
  startMachine?: boolean | undefined;
  /** Asks the user; without it nobody is asked. */
  confirm?: ((question: string) => Promise<boolean>) | undefined;
  report?: Reporter;
  signal?: AbortSignal | undefined;
}

/**
 * Chooses the rootful podman that installs images.
 * @param preference `auto`, `machine`, `local`, or the name of a podman machine or connection. `auto` takes what
 *   CONTAINER_CONNECTION or CONTAINER_HOST name (podman(1)), else this host's podman for root and a machine for
 *   everybody else. Of several machines it is the default, else the only one, else the only one that runs.
 * @throws PodmanBootcError `PODMAN_NONE_USABLE`, `PODMAN_MACHINE_STOPPED` and others, each with the one command that
 *   helps
 */
export async function selectEngine(preference: string, host: SelectionHost = {}): Promise<SelectedEngine> {
  const platform = host.platform ?? process.platform;
  const isRoot = host.isRoot ?? process.getuid?.() === 0;
  const { CONTAINER_CONNECTION, CONTAINER_HOST } = host.environment ?? process.env;
  checkPreference(preference);
  if (preference === 'auto' && CONTAINER_CONNECTION !== undefined && CONTAINER_CONNECTION !== '')
    return selectByName(CONTAINER_CONNECTION, 'as CONTAINER_CONNECTION says', host);
  if (preference === 'auto' && CONTAINER_HOST !== undefined && CONTAINER_HOST !== '') {
    const engine: PodmanEngine = { kind: 'url', url: CONTAINER_HOST };
    return { engine, reason: `Installing through ${describeEngine(engine)}, as CONTAINER_HOST says` };
  }
  const localRootful = isRoot && platform === 'linux';
  if (preference === 'local' || (preference === 'auto' && localRootful)) {
    if (localRootful)
      return { engine: { kind: 'local' }, reason: 'Installing with the podman of this host, as root' };
    throw new PodmanBootcError(
      'host',
      'PODMAN_LOCAL_NOT_ROOTFUL',
      platform === 'linux'
        ? `${option('podman', 'local')} needs root: bootc installs only from a rootful podman`
        : `${option('podman', 'local')} works on Linux only: on macOS podman runs in a machine`,
      {
        remedy:
          platform === 'linux'
            ? 'Run podman-bootc with sudo, or use a podman machine'
            : `Use ${option('podman', 'machine')}`,
      },
    );
  }
  if (preference === 'auto' || preference === 'machine') return selectMachine(preference, localRootful, host);
  return selectByName(preference, 'as asked', host);
}

/**
 * Checks what is said of the podman to take.
 * @param what what it was given with, for the message
 * @throws PodmanBootcError `PODMAN_PREFERENCE_INVALID`
 */
export function checkPreference(preference: string, what = option('podman')): void {
  if (preference !== '') return;
  throw new PodmanBootcError(
    'usage',
    'PODMAN_PREFERENCE_INVALID',
    `Expected ${what} to be auto, machine, local or the name of a podman machine or connection, got ''`,
    { remedy: 'List them with `podman machine ls` and `podman system connection ls`' },
  );
}

async function selectMachine(
  preference: string,
  isRoot: boolean,
  host: SelectionHost,
): Promise<SelectedEngine> {
  const { machines, incompatible } = await listMachines(host.signal);
  const running = machines.filter((machine) => machine.state === 'running');
  const byDefault = machines.find((machine) => machine.isDefault);
  if (byDefault) return useMachine(byDefault, 'the default machine', machines, host);
  const [only] = machines;
  if (only && machines.length === 1) return useMachine(only, 'the only machine', machines, host);
  const [onlyRunning] = running;
  if (onlyRunning && running.length === 1)
    return useMachine(onlyRunning, 'the only running machine', machines, host);
  if (only) {
    throw new PodmanBootcError(
      'host',
      'PODMAN_MACHINE_AMBIGUOUS',
      `There are several podman machines (${machines.map(({ name }) => name).join(', ')}) and none is the default`,
      {
        remedy: `Name one: ${option('podman', only.name)}, or make it the default: podman system connection default ${only.name}-root`,
      },
    );
  }
  const [old] = incompatible;
  if (old !== undefined) throw incompatibleMachine(old);
  const local =
    preference === 'auto' && !isRoot ? ', and the podman of this host is not rootful for you' : '';
  throw new PodmanBootcError(
    'host',
    'PODMAN_NONE_USABLE',
    `bootc installs only from a rootful podman, and none is usable: there is no podman machine${local}`,
    {
      remedy: isRoot
        ? `Use ${option('podman', 'local')}`
        : 'podman machine init --rootful --now   (or, on Linux, run podman-bootc with sudo)',
    },
  );
}

function incompatibleMachine(name: string): PodmanBootcError {
  return new PodmanBootcError(
    'host',
    'PODMAN_MACHINE_INCOMPATIBLE',
    `The configuration of podman machine ${name} was written by another version of podman, and this one cannot use it`,
    {
      remedy: `Save what you need of it, then: podman machine rm ${name} && podman machine init --rootful --now ${name}   (or use the podman that made it)`,
    },
  );
}

/** A machine that runs as an engine; one that does not is started if the user wants that. */
async function useMachine(
  machine: PodmanMachine,
  why: string,
  machines: readonly PodmanMachine[],
  host: SelectionHost,
): Promise<SelectedEngine> {
  const { name, state, rootConnection } = machine;
  if (rootConnection === undefined) {
    throw new PodmanBootcError(
      'host',
      'PODMAN_CONNECTION_UNKNOWN',
      `Podman machine ${name} has no connection ${name}-root, through which its rootful podman is reached`,
      {
        remedy: `Make the machine anew: podman machine rm ${name} && podman machine init --rootful --now ${name}`,
      },
    );
  }
  if (state === 'starting') {
    throw new PodmanBootcError(
      'host',
      'PODMAN_MACHINE_STARTING',
      `Podman machine ${name} (${why}) is still starting`,
      {
        remedy: `Wait until \`podman machine ls\` shows it running. If that start was killed: podman machine stop ${name} && podman machine start ${name}`,
      },
    );
  }
  if (state === 'stopped') await offerStart(machine, why, machines, host);
  return {
    engine: { kind: 'machine', connection: rootConnection, machine: name },
    reason: `Installing in podman machine ${name} (${why}, connection ${rootConnection})`,
  };
}

async function offerStart(
  { name }: PodmanMachine,
  why: string,
  machines: readonly PodmanMachine[],
  host: SelectionHost,
): Promise<void> {
  const wanted =
    host.startMachine ?? (await host.confirm?.(`Podman machine ${name} (${why}) is not running. Start it?`));
  if (wanted === true) {
    await startMachine(name, host.report ?? silentReporter, host.signal);
    return;
  }
  const other = machines.find((machine) => machine.state === 'running');
  throw new PodmanBootcError(
    'host',
    'PODMAN_MACHINE_STOPPED',
    `Podman machine ${name} (${why}) is not running${other ? `; ${other.name} is` : ''}`,
    {
      remedy: other
        ? `Take the one that runs with ${option('podman', other.name)}, or: podman machine stop ${other.name} && podman machine start ${name}`
        : `podman machine start ${name}   (podman-bootc does it with ${option('startMachine')})`,
    },
  );
}

/** A machine's name means root's podman inside it, whatever the machine prefers; so does `NAME-root`. */
async function selectByName(name: string, why: string, host: SelectionHost): Promise<SelectedEngine> {
  const { machines, incompatible } = await listMachines(host.signal);
  const machine =
    machines.find((candidate) => candidate.name === name) ??
    machines.find((candidate) => candidate.rootConnection === name);
  if (machine) return useMachine(machine, why, machines, host);
  if (incompatible.includes(name)) throw incompatibleMachine(name);
  const connections = await listConnections(host.signal);
  const connection = connections.find((candidate) => candidate.Name === name);
  if (!connection) {
    const known = [
      ...new Set([...machines, ...connections].map((each) => ('Name' in each ? each.Name : each.name))),
    ];
    throw new PodmanBootcError(
      'host',
      'PODMAN_CONNECTION_UNKNOWN',
      `podman has no machine and no connection named '${name}'${known.length > 0 ? `; it has ${known.join(', ')}` : ''}`,
      { remedy: 'List them with `podman machine ls` and `podman system connection ls`' },
    );
  }
  const engine: PodmanEngine = { kind: 'connection', connection: name };
  if (connection.IsMachine === true) await requireNotStale(engine, host.signal);
  return { engine, reason: `Installing through podman connection ${name}, ${why}` };
}

/** A connection that was a machine's which podman does not list: gone, unless another provider has it (macOS). */
async function requireNotStale(engine: PodmanEngine, signal: AbortSignal | undefined): Promise<void> {
  try {
    await inspectEngine(engine, { signal });
  } catch (cause) {
    if (codeOf(cause) !== 'PODMAN_UNREACHABLE') throw cause;
    const name = engine.connection ?? '';
    throw new PodmanBootcError(
      'host',
      'PODMAN_CONNECTION_STALE',
      `Podman connection ${name} leads to a podman machine that is gone`,
      { remedy: `podman system connection rm ${name}`, cause },
    );
  }
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
      `${capitalized(describeEngine(engine))} is rootless, and bootc installs only from a rootful podman`,
      {
        remedy:
          engine.kind === 'local'
            ? 'Run podman-bootc with sudo'
            : `Name a machine or a connection to root, such as NAME-root, with ${option('podman')}`,
      },
    );
  }
  return information;
}
