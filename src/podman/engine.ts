import { PodmanBootcError } from '../errors.js';
import { runProcess, type ProcessOptions, type ProcessResult } from '../process.js';

/** A rootful podman that can install images: this host's own, or one behind a connection. */
export interface PodmanEngine {
  kind: 'local' | 'machine' | 'connection';
  /** The name podman knows it by (`podman --connection NAME`); absent for this host's own. */
  connection?: string;
}

/** How messages and the VM's record name an engine: `local`, or its connection. */
export function engineName(engine: PodmanEngine): string {
  return engine.connection ?? 'local';
}

/** The command line that reaches this engine, for messages: `podman --connection NAME`. */
export function engineCommand(engine: PodmanEngine): string {
  return ['podman', ...connectionArguments(engine)].join(' ');
}

function connectionArguments(engine: PodmanEngine): string[] {
  return engine.connection === undefined ? [] : ['--connection', engine.connection];
}

/**
 * Runs podman against an engine.
 * @throws PodmanBootcError `PODMAN_NOT_FOUND` when there is no podman
 */
export function runPodman(
  engine: PodmanEngine,
  args: readonly string[],
  options?: ProcessOptions,
): Promise<ProcessResult> {
  return runPodmanClient([...connectionArguments(engine), ...args], options);
}

/** Runs the podman client itself, for what is not a matter of one engine (machines, connections). */
export async function runPodmanClient(
  args: readonly string[],
  options?: ProcessOptions,
): Promise<ProcessResult> {
  try {
    return await runProcess('podman', args, options);
  } catch (error) {
    if (error instanceof PodmanBootcError && error.code === 'PROGRAM_NOT_FOUND') {
      throw new PodmanBootcError('host', 'PODMAN_NOT_FOUND', 'podman was not found in PATH', {
        remedy: 'Install podman: apt install podman, dnf install podman or brew install podman',
        cause: error,
      });
    }
    throw error;
  }
}

/** The last line of podman's output that says something, without its `Error: `. */
export function lastLine(output: string): string {
  const line = output.trim().split('\n').at(-1)?.trim() ?? '';
  return line.replace(/^Error: /, '') || 'it said nothing';
}

/** Reads JSON that podman printed. */
export function parsePodmanJson(what: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new PodmanBootcError('host', 'PODMAN_JSON', `${what} did not print JSON`, { cause, output: text });
  }
}

/** What an engine says of itself. */
export interface EngineInformation {
  rootless: boolean;
  /** In podman's terms: `amd64`, `arm64`. */
  architecture: string;
}

/**
 * Asks an engine what it is (`podman info`).
 * @throws PodmanBootcError `PODMAN_UNREACHABLE` when it does not answer
 */
export async function inspectEngine(
  engine: PodmanEngine,
  options?: ProcessOptions,
): Promise<EngineInformation> {
  const result = await runPodman(engine, ['info', '--format', 'json'], options);
  if (result.exitCode !== 0) {
    throw new PodmanBootcError(
      'host',
      'PODMAN_UNREACHABLE',
      `podman does not answer ${engine.connection === undefined ? 'on this host' : `on connection ${engine.connection}`}: ${lastLine(result.stderr)}`,
      {
        remedy:
          engine.connection === undefined
            ? 'Try `podman info`'
            : `Try \`${engineCommand(engine)} info\`, or start its machine with \`podman machine start\``,
        output: result.stderr,
      },
    );
  }
  const information = parsePodmanJson('podman info', result.stdout) as {
    host?: { arch?: string; security?: { rootless?: boolean } };
  };
  return {
    rootless: information.host?.security?.rootless !== false,
    architecture: information.host?.arch ?? '',
  };
}
