import { PodmanBootcError } from '../errors.js';
import type { JsonSchema } from '../json.js';
import type { Reporter } from '../report.js';
import { endless, lastLine, parsePodmanJson, runPodmanClient } from './engine.js';

/** A podman machine, as far as we need it. */
export interface PodmanMachine {
  name: string;
  state: 'running' | 'starting' | 'stopped';
  /** The connection to root's podman inside it. Every machine has one, also one that prefers rootless. */
  rootConnection: string | undefined;
  isDefault: boolean;
  /** `qemu`, `applehv`, `libkrun` and others. */
  provider: string;
}

/** The user's machines, and those that this podman cannot use. */
export interface PodmanMachines {
  machines: PodmanMachine[];
  /** Names of machines whose configuration another version of podman wrote. */
  incompatible: string[];
}

/** Of `podman machine ls --format json`, the same from podman 4.9 to 6.0. */
export interface MachineListEntry {
  Name: string;
  Default?: boolean | undefined;
  Running?: boolean | undefined;
  Starting?: boolean | undefined;
  VMType?: string | undefined;
}

/** Of `podman system connection ls --format json`. */
export interface PodmanConnection {
  Name: string;
  URI?: string | undefined;
  Default?: boolean | undefined;
  /** Since podman 4.6. */
  IsMachine?: boolean | undefined;
}

/** podman's own rule for names of machines, and the mark that 4.x puts behind the active one's. */
const machineName = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*\*?$/;

const machineList: JsonSchema<MachineListEntry[]> = (v) =>
  v.array(
    v.object({
      Name: v.pipe(v.string(), v.regex(machineName, 'the name of a machine')),
      Default: v.optional(v.boolean()),
      Running: v.optional(v.boolean()),
      Starting: v.optional(v.boolean()),
      VMType: v.optional(v.string()),
    }),
  );

const connectionList: JsonSchema<PodmanConnection[]> = (v) =>
  v.array(
    v.object({
      Name: v.pipe(v.string(), v.minLength(1, 'the name of a connection')),
      URI: v.optional(v.string()),
      Default: v.optional(v.boolean()),
      IsMachine: v.optional(v.boolean()),
    }),
  );

/**
 * Joins `podman machine ls` and `podman system connection ls` (JSON of podman 4.9 to 6.0). The machine
 * list's own `Default` is false when the default connection is `NAME-root`, so the connections decide too.
 */
export function joinMachines(
  machines: readonly MachineListEntry[],
  connections: readonly PodmanConnection[],
): PodmanMachine[] {
  return machines.map((machine) => {
    // 4.x marks the active machine with a `*` behind its name in some formats.
    const name = machine.Name.replace(/\*$/, '');
    const own = connections.filter((connection) => [name, `${name}-root`].includes(connection.Name));
    return {
      name,
      // While it starts, some versions say both.
      state: machine.Starting === true ? 'starting' : machine.Running === true ? 'running' : 'stopped',
      rootConnection: own.find((connection) => connection.Name === `${name}-root`)?.Name,
      isDefault: machine.Default === true || own.some((connection) => connection.Default === true),
      provider: machine.VMType ?? '',
    };
  });
}

/**
 * Lists the user's podman machines; none where podman cannot have any (as root, or without a provider).
 * @throws PodmanBootcError `PODMAN_MACHINES_UNREADABLE`
 */
export async function listMachines(signal?: AbortSignal): Promise<PodmanMachines> {
  const { exitCode, stdout, stderr } = await runPodmanClient(['machine', 'ls', '--format', 'json'], {
    signal,
  });
  const incompatible = incompatibleMachines(stderr);
  if (exitCode !== 0) {
    // "cannot run command … as root", "unrecognized command" of a podman without machines.
    if (incompatible.length > 0 || /as root|unrecognized command|unknown command/i.test(stderr))
      return { machines: [], incompatible };
    throw new PodmanBootcError(
      'host',
      'PODMAN_MACHINES_UNREADABLE',
      `podman cannot list its machines: ${lastLine(stderr)}`,
      { remedy: 'Try `podman machine ls`', output: stderr },
    );
  }
  const entries = await parsePodmanJson('podman machine ls', stdout, machineList);
  return {
    machines: entries.length === 0 ? [] : joinMachines(entries, await listConnections(signal)),
    incompatible,
  };
}

/**
 * The machines that podman 5 and later leave out of the list, with `incompatible machine config "PATH" (NAME) for
 * this version of Podman` on stderr: their configuration is podman 4's. The name is empty where that one had none.
 */
export function incompatibleMachines(stderr: string): string[] {
  // Within a logged message, the quotes around the path are escaped.
  return [...stderr.matchAll(/incompatible machine config \\?"([^"\\]+)\\?" \(([^)]*)\)/g)].map(
    ([, path = '', name = '']) => name || path.replace(/^.*\/|\.json$/g, ''),
  );
}

/** Lists podman's connections (`podman system connection ls`). */
export async function listConnections(signal?: AbortSignal): Promise<PodmanConnection[]> {
  const connections = await runPodmanClient(['system', 'connection', 'ls', '--format', 'json'], { signal });
  // Without any, some versions print nothing.
  if (connections.exitCode !== 0 || connections.stdout.trim() === '') return [];
  return parsePodmanJson('podman system connection ls', connections.stdout, connectionList);
}

/**
 * Starts a machine and waits until podman has.
 * @throws PodmanBootcError `PODMAN_MACHINE_START_FAILED`
 */
export async function startMachine(name: string, report: Reporter, signal?: AbortSignal): Promise<void> {
  report.info(`Starting podman machine ${name}`);
  const { stdout: version } = await runPodmanClient(['--version'], { signal });
  // From 6.0 on it may ask whether to make the machine the default connection; we do not.
  const asks = Number(/(\d{1,9})\./.exec(version)?.[1] ?? 0) >= 6;
  const args = ['machine', 'start', ...(asks ? ['--update-connection=false'] : []), name];
  const result = await runPodmanClient(args, { signal, timeout: endless, keep: 'end' });
  if (result.exitCode === 0) return;
  throw new PodmanBootcError(
    'host',
    'PODMAN_MACHINE_START_FAILED',
    `Podman machine ${name} does not start: ${lastLine(result.stderr)}`,
    {
      remedy: `Try \`podman machine start ${name}\`; if its state is broken, \`podman machine stop ${name}\` first`,
      output: result.all,
    },
  );
}
