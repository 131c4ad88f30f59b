import { stageWords } from '../../boot/verdict.js';
import { printable } from '../../boot/console-text.js';
import type { BootStatus } from '../../vm/boot/status.js';
import { vmReference, type VirtualMachine } from '../../vm/virtual-machine.js';
import { formatAge, formatJson } from '../output/format.js';
import { oneLine } from '../../terminal-text.js';
import { listenForInterrupt } from './interrupt.js';
import { openClient } from './open-client.js';
import type { GlobalOptions } from '../options.js';

/** `podman-bootc status VM` */
export async function status(nameOrId: string, options: GlobalOptions & { format?: string }): Promise<void> {
  const { signal } = listenForInterrupt();
  await using client = await openClient(options, signal);
  client.requireLocal('status');
  const vm = await client.find(nameOrId);
  const found = await client.status(vm, signal);
  process.stdout.write(options.format === 'json' ? formatJson(asJson(vm, found)) : asText(vm, found));
}

/** Keys are only ever added. */
function asJson(vm: VirtualMachine, found: BootStatus): Record<string, unknown> {
  const { verdict } = found;
  return {
    id: vm.id,
    uuid: vm.uuid,
    name: vm.name,
    state: found.state,
    reason: found.reason,
    boot: {
      started: found.started ?? null,
      began: found.began?.toISOString() ?? null,
      stage: found.stage ?? null,
      unit: found.unit ?? null,
      failedUnits: found.failedUnits,
      lastLines: found.lastLines,
    },
    ssh: {
      host: '127.0.0.1',
      port: vm.metadata.ssh.port,
      user: vm.metadata.ssh.user,
      banner: found.ssh ?? null,
      problem: found.silence?.problem ?? null,
      waited: found.silence?.seconds ?? null,
    },
    verdict: verdict
      ? { code: verdict.code, class: verdict.failureClass, message: verdict.message, remedy: verdict.remedy }
      : null,
  };
}

function asText(vm: VirtualMachine, found: BootStatus): string {
  const { verdict } = found;
  const rows: [string, string | undefined][] = [
    ['VM', `${vm.name} (${vm.id})`],
    // libvirt knows no reason for a state in which a VM has always been.
    ['State', `${found.state} (${found.started === false ? 'never started' : found.reason})`],
    ['Booted', found.began && formatAge(found.began.toISOString())],
    ['Stage', found.stage && stageWords(found.stage, found.stage === 'systemd' ? found.unit : undefined)],
    ['SSH', found.ssh ? `${found.ssh} on 127.0.0.1:${vm.metadata.ssh.port}` : silenceWords(found)],
    ['Failed units', found.failedUnits.length > 0 ? found.failedUnits.join(', ') : undefined],
    ['Verdict', verdict?.message],
    ['Remedy', verdict ? verdict.remedy : startWords(vm, found)],
  ];
  const text = rows
    .filter((row): row is [string, string] => row[1] !== undefined)
    .map(([key, value]) => `${`${key}:`.padEnd(14)}${oneLine(value)}\n`)
    .join('');
  return verdict && found.lastLines.length > 0
    ? `${text}\nLast lines of the console:\n${printable(found.lastLines.join('\n'))}\n`
    : text;
}

/** Why SSH does not answer. A slow host is told from a silent guest by the time. */
function silenceWords({ silence }: BootStatus): string {
  return silence ? `does not answer (${silence.problem}, within ${silence.seconds} s)` : 'does not run';
}

function startWords(vm: VirtualMachine, { started }: BootStatus): string | undefined {
  return started === false ? `Start it with \`podman-bootc start ${vmReference(vm)}\`` : undefined;
}
