import type { Command, Option } from 'commander';
import type { DomainState } from '../../libvirt/index.js';
import { madeOf } from '../../domain/metadata.js';
import { describeEngine } from '../../podman/engine.js';
import { isPlain, oneLine } from '../../terminal-text.js';
import { PodmanBootc } from '../../vm/client.js';
import { isActiveState } from '../../vm/virtual-machine.js';
import { shells, type GlobalOptions } from '../options.js';

/** A word that would fit, and what it is. */
interface Candidate {
  value: string;
  description: string;
}

/**
 * Prints what may stand at the last of these words, one per line, as `VALUE<tab>DESCRIPTION`. Called by the
 * completion scripts at every tab key, so it never fails: what cannot be asked has no candidates.
 * @param words the command line behind `podman-bootc`, up to the cursor
 */
export async function printCandidates(program: Command, words: readonly string[]): Promise<void> {
  const current = words.at(-1) ?? '';
  const candidates = await findCandidates(program, words.slice(0, -1), current).catch(() => []);
  for (const { value, description } of candidates) {
    // What cannot be typed is no candidate.
    if (!value.startsWith(current) || !isPlain(value)) continue;
    process.stdout.write(`${value}\t${oneLine(description.replaceAll(/\s+/g, ' '))}\n`);
  }
}

async function findCandidates(
  program: Command,
  before: readonly string[],
  current: string,
): Promise<Candidate[]> {
  let command = program;
  let pending: Option | undefined;
  const operands: string[] = [];
  const options: Record<string, string> = {};
  for (const word of before) {
    if (pending) {
      options[pending.attributeName()] = word;
      pending = undefined;
    } else if (word.startsWith('-') && word !== '-') {
      pending = command.options.find(
        (option) => [option.long, option.short].includes(word) && (option.required || option.optional),
      );
    } else if (command.commands.length > 0) {
      const next = command.commands.find((candidate) =>
        [candidate.name(), ...candidate.aliases()].includes(word),
      );
      if (!next) return [];
      command = next;
    } else {
      operands.push(word);
    }
  }
  if (pending) return (pending.argChoices ?? []).map((value) => ({ value, description: '' }));
  // Behind the image or the VM stands a command of the guest.
  if (['run', 'ssh'].includes(command.name()) && operands.length > 0) return [];
  if (current.startsWith('-')) return optionCandidates(command);
  if (command.commands.length > 0) return commandCandidates(command);
  return operandCandidates(command, operands, options);
}

function optionCandidates(command: Command): Candidate[] {
  const visible = command.createHelp().visibleOptions(command);
  return visible.flatMap((option) =>
    [option.long, option.short]
      .filter((flag) => flag !== undefined)
      .map((value) => ({ value, description: option.description })),
  );
}

function commandCandidates(parent: Command): Candidate[] {
  const visible = parent.createHelp().visibleCommands(parent);
  return visible.map((command) => ({ value: command.name(), description: command.description() }));
}

/** Which states of a VM a command is of use for; other commands that take VMs are for all. */
const vmStates: ReadonlyMap<string, (state: DomainState) => boolean> = new Map([
  ['ssh', isActiveState],
  ['console', isActiveState],
  ['stop', isActiveState],
  ['pause', (state) => isActiveState(state) && state !== 'paused'],
  ['resume', (state) => state === 'paused'],
  ['start', (state) => !isActiveState(state)],
  ['rename', (state) => !isActiveState(state)],
]);

async function operandCandidates(
  command: Command,
  operands: readonly string[],
  options: GlobalOptions & { podman?: string; disk?: string },
): Promise<Candidate[]> {
  switch (command.name()) {
    case 'completion':
      return operands.length > 0 ? [] : shells.map((value) => ({ value, description: '' }));
    case 'cp':
      return (await vmCandidates(options, [], isActiveState)).map((candidate) => ({
        ...candidate,
        value: `${candidate.value}:`,
      }));
    case 'run':
      return options.disk === undefined ? imageCandidates(options.podman) : [];
    case 'create':
    case 'to-disk':
      // A file is the shell's to complete.
      return operands.length > 0 || options.disk !== undefined ? [] : imageCandidates(options.podman);
    default: {
      if (command.name() === 'adopt') return operands.length > 0 ? [] : leftBehindCandidates(options);
      const [first] = command.registeredArguments;
      if (first?.name() !== 'vm' || (operands.length > 0 && !first.variadic)) return [];
      const suits = vmStates.get(command.name()) ?? ((): boolean => true);
      return vmCandidates(options, operands, suits);
    }
  }
}

async function vmCandidates(
  options: GlobalOptions,
  given: readonly string[],
  suits: (state: DomainState) => boolean,
): Promise<Candidate[]> {
  await using client = await PodmanBootc.open({ uri: options.connect, timeout: 3_000 });
  const vms = await client.list();
  return vms
    .filter((vm) => suits(vm.state))
    .filter((vm) => !given.includes(vm.name) && !given.includes(vm.id))
    .flatMap((vm) => [
      { value: vm.name, description: madeOf(vm.metadata) },
      { value: vm.id, description: madeOf(vm.metadata) },
    ]);
}

async function leftBehindCandidates(options: GlobalOptions): Promise<Candidate[]> {
  await using client = await PodmanBootc.open({ uri: options.connect, timeout: 3_000 });
  return (await client.listLeftBehind()).flatMap(({ id, name, image = '' }) =>
    [...(name === undefined ? [] : [name]), id].map((value) => ({ value, description: image })),
  );
}

async function imageCandidates(podman: string | undefined): Promise<Candidate[]> {
  const { engine, images } = await PodmanBootc.images(podman, AbortSignal.timeout(5_000));
  return images.flatMap((image) =>
    image.names.map((value) => ({
      value,
      description: `${image.id.slice(0, 12)} in ${describeEngine(engine)}`,
    })),
  );
}
