import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, PodmanBootcError } from '../errors.js';
import { lastLine, parsePodmanJson, runPodmanClient } from '../podman/engine.js';
import { listConnections, type PodmanMachine } from '../podman/machines.js';
import { requireRootful } from '../podman/select.js';
import { findProgram, type ProcessResult } from '../process.js';
import { existingParent } from './directories.js';
import { from, type Examination } from './examination.js';
import { isLate, lateOutcome, type Outcome } from './finding.js';
import { installCommand } from './packages.js';

/** PB010 */
export async function checkPodman(e: Examination): Promise<Outcome> {
  const path = await findProgram('podman');
  if (path === undefined) {
    return {
      status: 'failure',
      finding: 'podman was not found in PATH',
      fix: installCommand('podman', e.family),
    };
  }
  const fix = 'podman --log-level debug info';
  let result: ProcessResult;
  try {
    result = await runPodmanClient(['--version'], { signal: e.signal });
  } catch (error) {
    if (!isLate(error)) throw error;
    return lateOutcome(e.load, `podman does not answer (${path})`, error, fix);
  }
  const { exitCode, stdout, stderr } = result;
  const version = /\d{1,9}\.\d+\S*/.exec(stdout)?.[0];
  if (exitCode !== 0 || version === undefined) {
    return {
      status: 'failure',
      finding: `podman does not tell its version (${path}): ${lastLine(stderr)}`,
      fix,
    };
  }
  return { status: 'ok', finding: `podman ${version} (${path})` };
}

/** PB011 */
export async function checkRootful(e: Examination): Promise<Outcome> {
  let fix: string | undefined;
  try {
    const { engine, reason } = await e.engine;
    fix = engine.connection === undefined ? 'podman info' : `podman --connection ${engine.connection} info`;
    const { architecture } = await requireRootful(engine, e.signal);
    return { status: 'ok', finding: `${reason} (${architecture})` };
  } catch (error) {
    if (isLate(error)) {
      return lateOutcome(e.load, 'podman does not answer', error, fix ?? 'podman --log-level debug info');
    }
    if (!(error instanceof PodmanBootcError)) throw error;
    if (error.code === 'PODMAN_NOT_FOUND') fix = installCommand('podman', e.family);
    // A remedy that is a command may have a remark behind it.
    fix ??= error.remedy?.split('  (')[0]?.trimEnd();
    return { status: 'failure', finding: messageOf(error), fix };
  }
}

/** PB012 */
export async function checkMachines(e: Examination): Promise<Outcome> {
  const [machines, connections] = await from(
    'PB010',
    Promise.all([e.machines, listConnections(e.signal)] as const),
  );
  const engine = await e.engine.then(
    (selected) => selected.engine,
    () => undefined,
  );
  const others = connections
    .map((connection) => connection.Name)
    .filter((name) => !machines.some((machine) => [machine.name, `${machine.name}-root`].includes(name)));
  const finding = [
    machines.length === 0 ? 'No podman machine' : machines.map(describeMachine).join('; '),
    ...(others.length === 0 ? [] : [`other connections: ${others.join(', ')}`]),
  ].join('; ');
  if (engine !== undefined) {
    const unneeded = machines.length === 0 && others.length === 0 && engine.kind === 'local';
    return { status: 'ok', finding: unneeded ? `${finding}, and none is needed` : finding };
  }
  const stopped = machines.find((machine) => machine.isDefault) ?? machines[0];
  const fix =
    stopped === undefined
      ? 'podman machine init --rootful --now'
      : stopped.state === 'stopped'
        ? `podman machine start ${stopped.name}`
        : undefined;
  return { status: 'warning', finding, fix };
}

function describeMachine(machine: PodmanMachine): string {
  return `Machine ${machine.name} is ${machine.state}${machine.isDefault ? ' (default)' : ''}`;
}

/** PB013: images are installed to base disks, which are in the cache. */
export async function checkShares(e: Examination): Promise<Outcome> {
  const { engine } = await from('PB011', e.engine);
  if (engine.connection === undefined)
    return { status: 'ok', finding: 'Not needed: podman runs on this host' };
  const machines = await e.machines;
  const machine = machines.find((each) => [each.name, `${each.name}-root`].includes(engine.connection ?? ''));
  const { existing: directory } = await existingParent(e.directories.cache);
  if (machine === undefined) {
    const connection = (await listConnections(e.signal)).find((each) => each.Name === engine.connection);
    if (connection?.URI?.startsWith('unix://') === true)
      return { status: 'ok', finding: `Not needed: connection ${engine.connection} leads to this host` };
    return {
      status: 'warning',
      finding: `Whether the host behind connection ${engine.connection} has ${directory} of this one is not known`,
    };
  }
  const shares = await listShares(machine.name, e.signal);
  const share = shares.find(({ target }) => directory === target || directory.startsWith(join(target, '/')));
  if (share?.writable === true) {
    return {
      status: 'ok',
      finding: `${directory} is in the share ${share.target} of machine ${machine.name}`,
    };
  }
  const home = shares.find(({ writable }) => writable)?.target;
  return {
    status: 'failure',
    finding:
      share === undefined
        ? `Machine ${machine.name} does not see ${directory}; it shares ${shares.map(({ target }) => target).join(', ') || 'nothing'}`
        : `Machine ${machine.name} may not write to its share ${share.target}, where ${directory} is`,
    fix: home === undefined ? undefined : `export XDG_CACHE_HOME=${join(home, '.cache')}`,
  };
}

/**
 * Asks a machine what it mounts of its host: 9p until podman 5.1, virtiofs from then on and on macOS. Names of
 * directories prove nothing, because the machine has a /var/tmp of its own too.
 */
async function listShares(
  machine: string,
  signal: AbortSignal,
): Promise<{ target: string; writable: boolean }[]> {
  const { exitCode, stdout, stderr } = await runPodmanClient(
    ['machine', 'ssh', machine, 'findmnt --json --list --types 9p,virtiofs --output TARGET,OPTIONS || true'],
    { signal },
  );
  if (exitCode !== 0) {
    throw new PodmanBootcError(
      'host',
      'PODMAN_UNREACHABLE',
      `Machine ${machine} does not answer: ${lastLine(stderr)}`,
      { remedy: `podman machine ssh ${machine} true` },
    );
  }
  // findmnt prints nothing when there is nothing.
  if (stdout.trim() === '') return [];
  const { filesystems } = await parsePodmanJson(`podman machine ssh ${machine} findmnt`, stdout, (v) =>
    v.object({ filesystems: v.array(v.object({ target: v.string(), options: v.string() })) }),
  );
  return filesystems.map(({ target, options }) => ({
    target,
    writable: options.split(',').includes('rw'),
  }));
}

/** PB014 */
export async function checkLoopDevices(e: Examination): Promise<Outcome> {
  const { engine } = await from('PB011', e.engine);
  if (engine.connection !== undefined)
    return { status: 'ok', finding: `Not needed here: connection ${engine.connection} installs` };
  // loop-control(4): there as soon as the module is loaded or can be.
  if (existsSync('/dev/loop-control') || existsSync('/dev/loop0'))
    return { status: 'ok', finding: 'This host has loop devices' };
  return {
    status: 'failure',
    finding: 'This host has no /dev/loop-control, and bootc installs through a loop device',
    fix: `${process.getuid?.() === 0 ? '' : 'sudo '}modprobe loop`,
  };
}
