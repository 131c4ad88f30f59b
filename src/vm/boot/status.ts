import { BootRecognizer } from '../../boot/recognizer.js';
import type { BootStage } from '../../boot/stage.js';
import {
  endVerdict,
  failureVerdict,
  portVerdict,
  servicesVerdict,
  type Verdict,
} from '../../boot/verdict.js';
import { codeOf } from '../../errors.js';
import type { DomainState } from '../../libvirt/index.js';
import { openGreeted } from '../../ssh/banner.js';
import { askAddress, askServices } from '../guest/agent.js';
import type { Host } from '../host/host.js';
import {
  consoleOf,
  isActiveState,
  settledState,
  vmReference,
  type VirtualMachine,
} from '../virtual-machine.js';

/** How long SSH may take to show itself, in milliseconds: an emulated guest that is busy needs a while. */
const sshPatience = 3_000;

/** How the present boot of a VM, or its last, stands. */
export interface BootStatus {
  state: DomainState;
  /** Why, in libvirt's words: `booted`, `shutdown`, `destroyed`, `crashed`… */
  reason: string;
  /** The stage that was reached; undefined where the console's log does not tell, as before the first start. */
  stage: BootStage | undefined;
  /** The unit that systemd was busy with last. */
  unit: string | undefined;
  /** Whether it has ever been started, as far as its consoles tell; undefined where they cannot be read. */
  started: boolean | undefined;
  /** When the console's log of it begins. */
  began: Date | undefined;
  /** The banner of the SSH server, when it answers. */
  ssh: string | undefined;
  /** Why it does not, in words that end a sentence, and after how many seconds; undefined when it was not asked. */
  silence: { problem: string; seconds: number } | undefined;
  /** What is wrong; undefined when nothing is, or nothing is known yet. */
  verdict: Verdict | undefined;
  /** Units that failed, as far as the console or the guest's agent told. */
  failedUnits: string[];
  /** The console's last lines, without control characters. */
  lastLines: string[];
}

/** Looks at a VM once: libvirt's state, the console's log, the SSH port and, where that is closed, the guest's agent. */
export async function bootStatus(host: Host, vm: VirtualMachine, signal?: AbortSignal): Promise<BootStatus> {
  const words = { name: vm.name, reference: vmReference(vm) };
  const settled = await settledState(vm.domain);
  const { reason } = await vm.domain.getState();
  const isActive = isActiveState(settled);
  const { boot, began, isKept } = await readBoot(host, vm);
  const port = isActive && settled !== 'paused' ? await askPort(vm.metadata.ssh.port, signal) : undefined;
  const isGreeted = port !== undefined && 'banner' in port;
  let failedUnits = [...(boot?.failedUnits ?? [])];
  let verdict: Verdict | undefined;
  if (boot?.failure && !isGreeted) verdict = failureVerdict(words, boot.failure);
  else if (!isActive && isUnexpected(settled, reason))
    verdict = endVerdict(
      words,
      settled === 'crashed' ? 'crashed' : 'stopped',
      reason,
      boot?.stage ?? 'firmware',
    );
  else if (port && !isGreeted && boot?.isUp) {
    const patience = AbortSignal.any([AbortSignal.timeout(10_000), ...(signal ? [signal] : [])]);
    const services = port.closed ? await askServices(vm, patience) : undefined;
    // With an address, silence is sshd's, which may be slow.
    const isSlow = !port.closed && (await askAddress(vm, patience)) === true;
    if (services) failedUnits = services.failedUnits;
    verdict = services
      ? servicesVerdict(words, services)
      : port.connected && !isSlow
        ? portVerdict(words, port.closed ? 'closed' : 'silent', boot.failedForSsh, undefined)
        : undefined;
  }
  return {
    state: settled,
    reason,
    stage: isGreeted ? 'ssh' : boot?.stage,
    unit: boot?.unit,
    started: isActive || isKept,
    began,
    ssh: isGreeted ? port.banner : undefined,
    silence: port && !isGreeted ? { problem: port.problem, seconds: port.seconds } : undefined,
    verdict,
    failedUnits,
    lastLines: boot?.lastLines() ?? [],
  };
}

/** Whether a VM that is not running ended by no wish of its guest's or of anybody's. */
function isUnexpected(state: DomainState, reason: string): boolean {
  return state === 'crashed' || reason === 'crashed' || reason === 'failed';
}

async function readBoot(
  host: Host,
  vm: VirtualMachine,
): Promise<{ boot: BootRecognizer | undefined; began: Date | undefined; isKept: boolean | undefined }> {
  const unknown = { boot: undefined, began: undefined, isKept: undefined };
  const source = consoleOf(host, vm);
  if (!source) return unknown;
  try {
    await source.hold();
    const [latest] = await source.boots();
    if (!latest) return { ...unknown, isKept: false };
    const boot = new BootRecognizer();
    for await (const chunk of source.read(latest)) boot.push(chunk);
    return { boot, began: latest.began, isKept: true };
  } catch (error) {
    if (codeOf(error) !== 'EACCES') throw error;
    host.report.warn(`The console log of ${vm.name} belongs to another user; its boot cannot be judged`);
    return unknown;
  }
}

type Port = { banner: string } | { connected: boolean; closed: boolean; problem: string; seconds: number };

async function askPort(port: number, signal: AbortSignal | undefined): Promise<Port> {
  const start = performance.now();
  const answer = await openGreeted({ port }, { connectTimeout: sshPatience, patience: sshPatience, signal });
  if (!('socket' in answer))
    return { ...answer, seconds: Math.round((performance.now() - start) / 100) / 10 };
  answer.socket.destroy();
  return { banner: answer.banner };
}
