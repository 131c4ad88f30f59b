import { Option, type Command } from 'commander';
import type { GlobalOptions } from '../options.js';
import { progressKinds } from '../output/terminal.js';
import { parseFormat, parseSeconds, repeated } from './values.js';

/** Adds a command to the program. */
export type AddCommand = (specification: string, description: string) => Command;

/** The options of a command with the global ones, wherever they stood. Each command knows its own types. */
export function allOptions(command: Command): GlobalOptions {
  const given: GlobalOptions = {};
  // Commander would let a default of the program hide what the command was given.
  for (let each: Command | null = command; each; each = each.parent) {
    const own: Record<string, unknown> = each.opts();
    for (const key of Object.keys(own))
      if (['cli', 'implied'].includes(each.getOptionValueSource(key) ?? '') && !(key in given))
        Object.assign(given, { [key]: own[key] });
  }
  return { ...command.optsWithGlobals<GlobalOptions>(), ...given };
}

/** Takes out the `--` that may separate a command from our own options. */
export function withoutDashes(words: string[]): string[] {
  return words[0] === '--' ? words.slice(1) : words;
}

/** What says which VM, in the help of every command. */
export const vmHelp = { one: 'name, ID or beginning of the ID', several: 'names, IDs or beginnings of IDs' };

/** How lists that are not of VMs are printed. */
export function formatOption(): Option {
  return new Option('--format <format>', 'output format').choices(['table', 'json']).default('table');
}

/** How VMs are printed: one of the words, or a template. */
export function vmFormatOption(words: readonly string[], byDefault: string): Option {
  // The choices are for completion; the parser also takes templates.
  return new Option('--format <format>', `${words.join(', ')} or a template (default: ${byDefault})`)
    .choices(words)
    .argParser(parseFormat(words));
}

/** Which VMs are listed. */
export function filterOption(): Option {
  return new Option('--filter <filter>', 'only VMs that match; may be given several times').argParser(
    repeated,
  );
}

/** How long a boot is waited for. */
export function bootTimeoutOption(): Option {
  return new Option(
    '--boot-timeout <seconds>',
    'give a boot up after so long (default: 300, emulated 900); a failed one is noticed at once',
  ).argParser(parseSeconds('--boot-timeout'));
}

/** Whether the console is shown. */
export function consoleOption(): Option {
  return new Option('--console', "show the guest's console while it boots");
}

/** How progress is shown. */
export function progressOption(): Option {
  return new Option(
    '--progress <kind>',
    'how progress is shown: live on a terminal, a line per stage, or JSON',
  )
    .choices(progressKinds)
    .default('auto');
}
