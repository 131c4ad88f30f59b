import { Option, type Command } from 'commander';
import { parseFormat } from './commands/values.js';
import type { LogLevel } from './output/terminal.js';

/** Options that every command takes, before or behind its name. */
export interface GlobalOptions {
  logLevel?: LogLevel;
  connect?: string;
  /** False with --no-wait. */
  wait?: boolean;
}

/** What `--progress` takes. */
export const progressKinds = ['auto', 'plain', 'json'] as const;

/** Shells that `completion` writes scripts for. */
export const shells = ['bash', 'zsh', 'fish', 'powershell'] as const;
export type Shell = (typeof shells)[number];

/** The options of a command with the global ones, wherever they stood. Each command knows its own types. */
export function allOptions(command: Command): GlobalOptions {
  const given: GlobalOptions = {};
  // Commander would let a default of the program hide what the command was given.
  for (let each: Command | null = command; each; each = each.parent) {
    const own: Record<string, unknown> = each.opts();
    for (const key of Object.keys(own))
      if (each.getOptionValueSource(key) === 'cli' && !(key in given))
        Object.assign(given, { [key]: own[key] });
  }
  return { ...command.optsWithGlobals<GlobalOptions>(), ...given };
}

/** What says which VM, in the help of every command. */
export const vmHelp = { one: 'name, ID or beginning of the ID', several: 'names, IDs or beginnings of IDs' };

/** An option that may be given several times. */
export function collectWords(word: string, before: string[] | undefined): string[] {
  return [...(before ?? []), word];
}

/** How VMs are printed: one of the words, or a template. */
export function vmFormatOption(words: readonly string[], byDefault: string): Option {
  // The choices are for completion; the parser also takes templates.
  return new Option('--format <format>', `${words.join(', ')} or a template (default: ${byDefault})`)
    .choices(words)
    .argParser(parseFormat(words));
}

/** Who logs in. */
export function userOption(): Option {
  return new Option('-u, --user <name>', 'login name in the VM (default: root, or the one it was made for)');
}
