import type { Command } from 'commander';
import type { LogLevel } from './terminal.js';

/** Options that every command takes, before or behind its name. */
export interface GlobalOptions {
  logLevel?: LogLevel;
  connect?: string;
  /** False with --no-wait. */
  wait?: boolean;
}

/** Shells that `completion` writes scripts for. */
export const shells = ['bash', 'zsh', 'fish', 'powershell'] as const;
export type Shell = (typeof shells)[number];

/** The options of a command with the global ones, wherever they stood. Each command knows its own types. */
export function allOptions(command: Command): GlobalOptions {
  return command.optsWithGlobals();
}

/** What says which VM, in the help of every command. */
export const vmHelp = { one: 'name, ID or beginning of the ID', several: 'names, IDs or beginnings of IDs' };
