import type { LogLevel } from './output/terminal.js';

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
