import type { OptionName, OptionWords } from '../vm/create/options.js';
import type { LogLevel } from './output/terminal.js';

/** Options that every command takes, before or behind its name. */
export interface GlobalOptions {
  logLevel?: LogLevel;
  connect?: string;
  /** False with --no-wait-for-lock. */
  waitForLock?: boolean;
}

/** What stands on a command line of a new VM, by the library's names. */
export type NewVmWords = { [K in OptionName]?: OptionWords<K> };

/** Shells that `completion` writes scripts for. */
export const shells = ['bash', 'zsh', 'fish', 'powershell'] as const;
export type Shell = (typeof shells)[number];
