import { PodmanBootcError } from '../errors.js';
import { JsonError, readJson, type JsonSchema } from '../json.js';
import { runProcess, type ProcessOptions, type ProcessResult } from '../process.js';

/** A podman with a store of images: this host's own, or one behind a connection or a socket. */
export interface PodmanEngine {
  kind: 'local' | 'machine' | 'connection' | 'url';
  /** The name podman knows it by (`podman --connection NAME`); absent for this host's own. */
  connection?: string;
  /** The podman machine that the connection leads into. */
  machine?: string;
  /** Its socket, of a kind `url`: `unix:///…`, `tcp://…` or `ssh://…`. */
  url?: string;
}

/** How a VM's record names an engine: `local`, its connection or its URL. */
export function engineName(engine: PodmanEngine): string {
  return engine.connection ?? engine.url ?? 'local';
}

/** How a sentence names an engine. */
export function describeEngine(engine: PodmanEngine, isRoot = process.getuid?.() === 0): string {
  if (engine.machine !== undefined) return `podman machine ${engine.machine}`;
  if (engine.connection !== undefined) return `podman connection ${engine.connection}`;
  if (engine.url !== undefined) return `the podman at ${engine.url}`;
  return isRoot ? "this host's podman (root's)" : "this host's podman (yours, rootless)";
}

/** The command line that reaches this engine, for messages: `podman --connection NAME`. */
export function engineCommand(engine: PodmanEngine): string {
  return ['podman', ...connectionArguments(engine)].join(' ');
}

function connectionArguments(engine: PodmanEngine): string[] {
  if (engine.connection !== undefined) return ['--connection', engine.connection];
  if (engine.url !== undefined) return ['--url', engine.url];
  // These variables turn podman into a client of the podman that they name (podman(1)).
  const { CONTAINER_HOST, CONTAINER_CONNECTION } = process.env;
  return (CONTAINER_HOST ?? CONTAINER_CONNECTION) === undefined ? [] : ['--remote=false'];
}

/** The command line that runs podman against an engine, as `runPipeline` takes it. */
export function podmanCommand(engine: PodmanEngine, args: readonly string[]): [string, ...string[]] {
  return ['podman', ...connectionArguments(engine), ...args];
}

/**
 * Milliseconds that podman has for a question. Generous: whoever asks waits for the lock of the store, which a pull or
 * a build holds while it unpacks a layer.
 */
export const questionPatience = 180_000;

/** Milliseconds that a container has which answers questions about its image; it may run emulated. */
export const containerPatience = 600_000;

/** For what takes as long as it takes, and says meanwhile how far it is: pulls and installs. */
export const endless = Infinity;

/**
 * Runs podman against an engine. By default this is a question, for which podman has `questionPatience`.
 * @throws PodmanBootcError `PODMAN_NOT_FOUND` when there is no podman, `PODMAN_SILENT` when it does not end in time,
 *   `PROGRAM_OUTPUT_TOO_LONG`
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
  options: ProcessOptions = {},
): Promise<ProcessResult> {
  const name = commandName(args);
  const { timeout = questionPatience } = options;
  try {
    const result = await runProcess('podman', args, { name, ...options, timeout });
    if (result.timedOut) {
      throw new PodmanBootcError(
        'host',
        'PODMAN_SILENT',
        `Expected ${name} to end within ${timeout / 1000} s, and it did not`,
        { remedy: `Try it yourself: ${name}; another podman may hold its lock`, output: result.stderr },
      );
    }
    return result;
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

/** What a sentence calls a command line of podman: the words before the first option, a connection's apart. */
function commandName(args: readonly string[]): string {
  const words = ['--connection', '--url'].includes(args[0] ?? '') ? args.slice(2) : args;
  const rest = words[0] === '--remote=false' ? words.slice(1) : words;
  const end = rest.findIndex((word) => word.startsWith('-'));
  const command = end === 0 ? rest.slice(0, 1) : rest.slice(0, end === -1 ? undefined : end);
  return ['podman', ...command].join(' ');
}

/** The last line of podman's output that says something, without its `Error: `. */
export function lastLine(output: string): string {
  const line = output.trim().split('\n').at(-1)?.trim() ?? '';
  return line.replace(/^Error: /, '') || 'it said nothing';
}

/**
 * Reads JSON that podman printed.
 * @param what the command, such as `podman info`
 * @throws PodmanBootcError `PODMAN_JSON` when it is none, or not what the schema says
 */
export async function parsePodmanJson<T>(what: string, text: string, schema: JsonSchema<T>): Promise<T> {
  try {
    return await readJson(what, text, schema);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new PodmanBootcError('host', 'PODMAN_JSON', `Expected ${error.message}`, {
      remedy: `Look at what \`${what}\` prints; podman 4.3 and newer are known`,
      cause: error,
    });
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
  if (result.exitCode !== 0) throw unreachable(engine, result.stderr);
  const { host } = await parsePodmanJson('podman info', result.stdout, (v) =>
    v.object({
      host: v.object({ arch: v.string(), security: v.object({ rootless: v.boolean() }) }),
    }),
  );
  return { rootless: host.security.rootless, architecture: host.arch };
}

/** The failure of an engine that does not answer, with what podman said. */
export function unreachable(engine: PodmanEngine, stderr: string): PodmanBootcError {
  return new PodmanBootcError(
    'host',
    'PODMAN_UNREACHABLE',
    `${capitalized(describeEngine(engine))} does not answer: ${lastLine(stderr)}`,
    { remedy: unreachableRemedy(engine), output: stderr },
  );
}

function unreachableRemedy(engine: PodmanEngine): string {
  if (engine.machine !== undefined)
    return `podman machine stop ${engine.machine} && podman machine start ${engine.machine}`;
  if (engine.connection !== undefined)
    return `Try \`${engineCommand(engine)} info\`; \`podman system connection ls\` shows where it leads`;
  if (engine.url !== undefined)
    return 'Set CONTAINER_HOST to the socket of a rootful podman (a Docker daemon does not do), or unset it';
  return 'Try `podman info`';
}

/** A sentence's beginning. */
export function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
