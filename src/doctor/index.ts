import { setMaxListeners } from 'node:events';
import { hostLoad, type Load } from '../busy.js';
import { checkIds, checks, type CheckId } from '../checks.js';
import { messageOf, PodmanBootcError } from '../errors.js';
import { listMachines } from '../podman/machines.js';
import { selectEngine } from '../podman/select.js';
import { DeadlineError } from '../process.js';
import { userDirectories, type Directories } from '../vm/host/directories.js';
import { domainCapabilities, hostArchitecture } from '../vm/host/hardware.js';
import { openHost, type Host } from '../vm/host/host.js';
import { checkCache, checkData, checkLocks } from './directories.js';
import { from, type Examination } from './examination.js';
import {
  isLate,
  lateOutcome,
  UnknownBecauseOf,
  type Finding,
  type HostReport,
  type Outcome,
} from './finding.js';
import {
  checkAcceleration,
  checkEmulation,
  checkFirmware,
  checkNetwork,
  checkQemu,
  checkTpm,
  examineAcceleration,
  findEmulator,
} from './hardware.js';
import { checkGpt, checkNamespaces, checkUdev, checkVerity, checkVfat } from './install.js';
import { checkLeftBehind } from './left-behind.js';
import { checkLibvirt } from './libvirt.js';
import { packageFamily } from './packages.js';
import { checkLoopDevices, checkMachines, checkPodman, checkRootful, checkShares } from './podman.js';
import { checkIsoTool, checkQemuImg, checkSsh, checkVirtiofsd } from './programs.js';

/** How `examineHost` looks. */
export interface ExamineOptions {
  /** Libvirt URI; default LIBVIRT_DEFAULT_URI, else `qemu:///session`. */
  uri?: string | undefined;
  /** `auto` (default), `machine`, `local` or a podman connection, as for `run`. */
  podman?: string | undefined;
  directories?: Directories | undefined;
  signal?: AbortSignal | undefined;
  /** Milliseconds after which whatever has not answered is a finding; default 20,000. */
  deadline?: number | undefined;
  /** How much the host has to do, for tests; default: as the system says. */
  load?: Load | undefined;
}

const examinations: Readonly<Record<CheckId, (e: Examination) => Promise<Outcome>>> = {
  PB001: checkLibvirt,
  PB002: checkQemu,
  PB003: checkAcceleration,
  PB004: checkEmulation,
  PB005: checkFirmware,
  PB006: checkTpm,
  PB007: checkNetwork,
  PB008: checkVirtiofsd,
  PB009: checkQemuImg,
  PB010: checkPodman,
  PB011: checkRootful,
  PB012: checkMachines,
  PB013: checkShares,
  PB014: checkLoopDevices,
  PB015: checkData,
  PB016: checkCache,
  PB017: checkLocks,
  PB018: checkSsh,
  PB019: checkIsoTool,
  PB020: checkNamespaces,
  PB021: checkUdev,
  PB022: checkGpt,
  PB023: checkVfat,
  PB024: checkVerity,
  PB025: checkLeftBehind,
};

/**
 * Looks at everything that `run` needs of this host, all at once, and changes nothing. What is missing or does not
 * answer is a finding, never an error.
 * @throws the signal's reason when aborted
 */
export async function examineHost(options: ExamineOptions = {}): Promise<HostReport> {
  options.signal?.throwIfAborted();
  const milliseconds = options.deadline ?? 20_000;
  const late = deadlineAfter(milliseconds);
  const signal = options.signal ? AbortSignal.any([late.signal, options.signal]) : late.signal;
  // As many checks as there are listen to it.
  setMaxListeners(0, signal);
  // For those that do not obey the signal; the others have until then to say what is late.
  const backstop = deadlineAfter(milliseconds + 1000);
  const e = await begin(options, milliseconds, signal);
  try {
    const findings = await Promise.all(checkIds.map((id) => examine(id, e, backstop.signal)));
    options.signal?.throwIfAborted();
    return { works: findings.every(({ status }) => status !== 'failure'), findings };
  } finally {
    late.clear();
    backstop.clear();
    // What is left has lost its reader; a libvirt that hangs may hang at the end, too.
    await e.libvirt.then((host) => close(host)).catch(() => undefined);
  }
}

/** `AbortSignal.timeout` does not keep a process alive that only waits for it; this does. */
function deadlineAfter(milliseconds: number): { signal: AbortSignal; clear: () => void } {
  const controller = new AbortController();
  const timer = setTimeout(() => {
    controller.abort(new DeadlineError(milliseconds));
  }, milliseconds);
  setMaxListeners(0, controller.signal);
  return {
    signal: controller.signal,
    clear: () => {
      clearTimeout(timer);
    },
  };
}

/** Starts what several checks share. */
async function begin(
  options: ExamineOptions,
  milliseconds: number,
  signal: AbortSignal,
): Promise<Examination> {
  const asked = options.uri ?? process.env.LIBVIRT_DEFAULT_URI;
  const libvirt = inTime(
    // Behind the deadline, so that what it says of itself is not the time-out of a host.
    openHost({ uri: options.uri, directories: options.directories, signal, timeout: milliseconds + 1000 }),
    signal,
    close,
  );
  const capabilities = from('PB001', libvirt).then((host) =>
    domainCapabilities(host, hostArchitecture, 'qemu', signal),
  );
  const emulator = capabilities.then(
    (found) => found.emulator,
    () => findEmulator(),
  );
  const shared = {
    libvirt,
    capabilities: inTime(capabilities, signal),
    emulator: inTime(emulator, signal),
    acceleration: inTime(examineAcceleration(libvirt, emulator, signal), signal),
    engine: inTime(selectEngine(options.podman ?? 'auto', { signal }), signal),
    machines: inTime(
      listMachines(signal).then(({ machines }) => machines),
      signal,
    ),
  };
  // A check that fails early leaves the others' results without a reader.
  for (const each of Object.values(shared)) each.catch(() => undefined);
  return {
    uri: asked === '' ? undefined : asked,
    // What is wrong with HOME is a finding of those that need it.
    get directories() {
      return options.directories ?? userDirectories();
    },
    load: options.load ?? hostLoad(),
    signal,
    family: await packageFamily(),
    ...shared,
  };
}

async function examine(id: CheckId, e: Examination, backstop: AbortSignal): Promise<Finding> {
  const { subject } = checks[id];
  const { status, finding, fix } = await inTime(examinations[id](e), backstop).catch((error: unknown) =>
    outcomeOf(id, e.load, error),
  );
  return { id, subject, status, finding: finding.replaceAll(/\s+/g, ' '), fix: fix ?? null };
}

function outcomeOf(id: CheckId, load: Load, error: unknown): Outcome {
  if (error instanceof UnknownBecauseOf) return { status: 'warning', finding: error.message };
  const fix = error instanceof PodmanBootcError ? error.remedy : undefined;
  const outcome = isLate(error)
    ? lateOutcome(load, 'There was no answer in time', error, fix)
    : { status: 'failure' as const, finding: messageOf(error), fix };
  return checks[id].needed ? outcome : { ...outcome, status: 'warning' };
}

/**
 * Waits for something no longer than the signal allows, whether it obeys the signal or not.
 * @param discard is given what comes too late
 */
function inTime<T>(promise: Promise<T>, signal: AbortSignal, discard?: (late: T) => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      reject(signal.reason as Error);
      if (discard) promise.then(discard).catch(() => undefined);
    };
    if (signal.aborted) {
      abort();
      return;
    }
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', abort);
    });
  });
}

async function close(host: Host): Promise<void> {
  await host.connection.close({ signal: AbortSignal.timeout(1000) }).catch(() => undefined);
}

export type { CheckStatus, Finding, HostReport } from './finding.js';
