import { parsePodmanJson, runPodmanClient } from './engine.js';

/** A podman machine, as far as we need it. */
export interface PodmanMachine {
  name: string;
  running: boolean;
  starting: boolean;
  /** The connection to root's podman inside it. Every machine has one, also one that prefers rootless. */
  rootConnection: string | undefined;
  isDefault: boolean;
}

interface MachineListEntry {
  Name: string;
  Default?: boolean;
  Running?: boolean;
  Starting?: boolean;
}

interface ConnectionListEntry {
  Name: string;
  URI?: string;
  Default?: boolean;
}

/**
 * Joins `podman machine ls` and `podman system connection ls` (JSON of podman 4.9 to 6.0). The machine
 * list's own `Default` is false when the default connection is `NAME-root`, so the connections decide too.
 */
export function joinMachines(
  machines: readonly MachineListEntry[],
  connections: readonly ConnectionListEntry[],
): PodmanMachine[] {
  return machines.map((machine) => {
    // 4.x marks the active machine with a `*` behind its name in some formats.
    const name = machine.Name.replace(/\*$/, '');
    const own = connections.filter((connection) => [name, `${name}-root`].includes(connection.Name));
    return {
      name,
      running: machine.Running === true,
      starting: machine.Starting === true,
      rootConnection: own.find((connection) => connection.Name === `${name}-root`)?.Name,
      isDefault: machine.Default === true || own.some((connection) => connection.Default === true),
    };
  });
}

/** Lists the user's podman machines; none where podman cannot have any (as root, or without a provider). */
export async function listMachines(signal?: AbortSignal): Promise<PodmanMachine[]> {
  const machines = await runPodmanClient(['machine', 'ls', '--format', 'json'], { signal });
  if (machines.exitCode !== 0 || machines.stdout.trim() === '') return [];
  const entries = parsePodmanJson('podman machine ls', machines.stdout) as MachineListEntry[];
  if (entries.length === 0) return [];
  return joinMachines(entries, await listConnections(signal));
}

/** Lists podman's connections (`podman system connection ls`). */
export async function listConnections(signal?: AbortSignal): Promise<ConnectionListEntry[]> {
  const connections = await runPodmanClient(['system', 'connection', 'ls', '--format', 'json'], { signal });
  if (connections.exitCode !== 0 || connections.stdout.trim() === '') return [];
  return parsePodmanJson('podman system connection ls', connections.stdout) as ConnectionListEntry[];
}
