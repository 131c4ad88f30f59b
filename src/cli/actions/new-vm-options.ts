import { parseOption, type OptionName, type RunOptions } from '../../vm/create/options.js';
import type { NewVmWords } from '../options.js';

/**
 * Reads what stands on the command line of a new VM.
 * @throws PodmanBootcError of class `usage`
 */
export function asRunOptions(words: NewVmWords): RunOptions {
  return Object.fromEntries(
    Object.entries(words).map(([name, given]) => [name, parseOption(name as OptionName, given as never)]),
  );
}
