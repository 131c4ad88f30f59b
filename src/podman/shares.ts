import { randomBytes } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PodmanBootcError } from '../errors.js';
import { option } from '../option-text.js';
import {
  capitalized,
  containerPatience,
  describeEngine,
  lastLine,
  runPodman,
  runPodmanClient,
  type PodmanEngine,
} from './engine.js';

/** What an engine's own host sees of a directory of this host. */
export interface Share {
  visible: boolean;
  writable: boolean;
  /** Directories of this host that a machine shares; empty where that is not known. */
  shares: string[];
}

// Both are constants; the path arrives on stdin, where no shell takes it apart. In a directory that both sides see, the
// file that was put there reads the same and an answer appears on our side.
const answerScript = `[ "$(cat "$file" 2>/dev/null)" = "$token" ] && echo @@visible && (echo "$token" >"$file.answer") 2>/dev/null; `;
const machineScript = `IFS= read -r file; IFS= read -r token; ${answerScript}echo @@shares; findmnt --noheadings --list --output TARGET --types virtiofs,9p; true`;
const containerScript = `file=/output/$1; token=$2; ${answerScript}true`;

/**
 * Finds out whether the host of an engine sees a directory of ours and can write to it, by exchanging files there. A
 * machine is asked over its SSH; any other engine by a container.
 * @param reference an image with a shell, for the container
 */
export async function probeShare(
  engine: PodmanEngine,
  reference: string,
  directory: string,
  signal?: AbortSignal,
): Promise<Share> {
  const token = randomBytes(8).toString('hex');
  const name = `share-${token}`;
  const file = join(directory, name);
  await writeFile(file, token, { mode: 0o600 });
  try {
    const stdout =
      engine.machine === undefined
        ? await askContainer(engine, reference, directory, [name, token], signal)
        : await askMachine(engine.machine, `${file}\n${token}\n`, signal);
    const answer = await readFile(`${file}.answer`, 'utf8').catch(() => '');
    const [before = '', shares = ''] = stdout.split('@@shares');
    return {
      visible: before.includes('@@visible'),
      writable: answer.trim() === token,
      shares: shares.split('\n').filter((line) => line.startsWith('/')),
    };
  } finally {
    await Promise.all([rm(file, { force: true }), rm(`${file}.answer`, { force: true })]);
  }
}

async function askMachine(machine: string, input: string, signal?: AbortSignal): Promise<string> {
  const result = await runPodmanClient(['machine', 'ssh', '--username', 'root', machine, machineScript], {
    input,
    signal,
  });
  if (result.exitCode === 0) return result.stdout;
  throw new PodmanBootcError(
    'host',
    'PODMAN_UNREACHABLE',
    `Podman machine ${machine} cannot be asked for its shared directories: ${lastLine(result.stderr)}`,
    { remedy: `Try \`podman machine ssh ${machine} findmnt\``, output: result.stderr },
  );
}

async function askContainer(
  engine: PodmanEngine,
  reference: string,
  directory: string,
  words: string[],
  signal?: AbortSignal,
): Promise<string> {
  const { stdout, stderr, exitCode } = await runPodman(
    engine,
    // prettier-ignore
    ['run', '--rm', '--pull', 'never', '--network', 'none', '--user', '0:0', '--security-opt', 'label=disable', '--volume', `${directory}:/output`, '--entrypoint', 'sh', reference, '-c', containerScript, 'sh', ...words],
    { signal, timeout: containerPatience },
  );
  // 125 is podman's own: there it is the directory that is not there.
  if (exitCode === 0 || exitCode === 125) return stdout;
  throw new PodmanBootcError(
    'image',
    'IMAGE_UNUSABLE',
    `A container of ${reference} could not be run: ${lastLine(stderr)}`,
    { output: stderr },
  );
}

/**
 * Makes sure that an engine's host can write a disk where this host will look for it.
 * @throws PodmanBootcError `DIRECTORY_NOT_SHARED`, `DIRECTORY_NOT_WRITABLE`
 */
export async function requireShared(
  engine: PodmanEngine,
  reference: string,
  directory: string,
  signal?: AbortSignal,
): Promise<void> {
  if (engine.kind === 'local') return;
  const share = await probeShare(engine, reference, directory, signal);
  const { machine } = engine;
  const where = capitalized(describeEngine(engine));
  if (share.visible && share.writable) return;
  if (share.visible) {
    throw new PodmanBootcError(
      'host',
      'DIRECTORY_NOT_WRITABLE',
      `${where} sees the directory ${directory}, but cannot write to it`,
      {
        remedy: `Build the disk in a directory that it can write to, with ${option('scratch', 'DIRECTORY')}`,
      },
    );
  }
  const shared = share.shares.length > 0 ? `; it shares ${share.shares.join(', ')}` : '';
  const [first = 'DIRECTORY'] = share.shares;
  throw new PodmanBootcError(
    'host',
    'DIRECTORY_NOT_SHARED',
    `${where} does not see the directory ${directory}, where the disk is to be built${shared}`,
    {
      remedy:
        machine === undefined
          ? `Build the disk in a directory that its host has under the same path, with ${option('scratch', 'DIRECTORY')}`
          : `Build it in a shared directory: ${option('scratch', first)}   (a machine gets its shares when it is made: podman machine init --rootful --volume ${directory}:${directory})`,
    },
  );
}
