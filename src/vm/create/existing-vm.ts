import { readDomain } from '../../domain/edit.js';
import { madeOf } from '../../domain/metadata.js';
import { PodmanBootcError } from '../../errors.js';
import { option } from '../../option-text.js';
import { definitionOf, givenOptions, type OptionFiles, type RunOptions } from './options.js';
import { goneError, isActiveState, sshCommand, stateOf, type VirtualMachine } from '../virtual-machine.js';

/**
 * An existing VM is booted as it is. Options that ask for something else are refused, never ignored.
 * @throws PodmanBootcError `VM_RUNNING`, `VM_DIFFERS`
 */
export async function requireSame(
  vm: VirtualMachine,
  options: RunOptions,
  files: OptionFiles,
): Promise<void> {
  const state = await stateOf(vm);
  if (state === undefined) throw goneError(vm);
  if (isActiveState(state)) {
    throw new PodmanBootcError(
      'usage',
      'VM_RUNNING',
      `The VM ${vm.name} of ${madeOf(vm.metadata)} is ${state} already; nothing was changed`,
      {
        remedy: `Get in with \`${sshCommand(vm)}\`, or make another VM of it with ${option('name')}`,
      },
    );
  }
  const domain = readDomain(await vm.domain.getXml({ inactive: true }));
  for (const [name, asked] of givenOptions(options)) {
    const difference = await definitionOf(name).compare?.(asked, { vm, domain, files });
    if (!difference) continue;
    const { actual = '', of } = difference;
    throw new PodmanBootcError(
      'usage',
      'VM_DIFFERS',
      `The VM ${vm.name} exists and was made with ${option(name)}${of === undefined ? '' : ` ${of}`} ${actual === '' ? 'unset' : actual}, not ${difference.asked}`,
      {
        remedy: `Leave the option out, make another VM with ${option('name')}, or this one anew with ${option('replace')}, which removes its disk`,
      },
    );
  }
}
