import { checkOfFailure, type CheckId } from './checks.js';

/**
 * Classes of failure. Each has an exit code of its own in the CLI (see `exitCodes`), so scripts and
 * `git bisect run` can tell a broken image from a broken host.
 */
export type FailureClass =
  'failure' | 'usage' | 'host' | 'image' | 'install' | 'define' | 'boot' | 'ssh' | 'interrupted';

/** Exit codes of the CLI per class of failure. A remote command's own exit code passes through unchanged. */
export const exitCodes: Readonly<Record<FailureClass, number>> = {
  failure: 1,
  usage: 2,
  host: 120,
  image: 121,
  install: 122,
  define: 123,
  boot: 124,
  ssh: 255,
  interrupted: 130,
};

/** What a `PodmanBootcError` says besides its sentence. */
export interface FailureDetails {
  /** What the user can do about it: one line, ideally one command. */
  remedy?: string | undefined;
  /** The error that led here; shown with `--log-level debug`. */
  cause?: unknown;
  /** Output of another program that explains the failure; printed below the sentence. */
  output?: string | undefined;
  /** The check of `podman-bootc doctor` that tells more; by default the one for the code, if there is one. */
  check?: CheckId | undefined;
}

/** The one way this project fails: a stable code for programs, a sentence and a remedy for people. */
export class PodmanBootcError extends Error {
  /** Stable, upper-case identifier such as `VM_NOT_FOUND`. Decide on this, never on the message. */
  readonly code: string;
  readonly failureClass: FailureClass;
  readonly remedy: string | undefined;
  readonly output: string | undefined;
  /** The check of `podman-bootc doctor` that tells more. */
  readonly check: CheckId | undefined;

  constructor(failureClass: FailureClass, code: string, message: string, details: FailureDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'PodmanBootcError';
    this.failureClass = failureClass;
    this.code = code;
    this.remedy = details.remedy;
    this.output = details.output;
    this.check = details.check ?? checkOfFailure[code];
  }
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The `code` property of anything that was thrown (Node's `ENOENT`, libvirt's `VIR_ERR_…`, ours), if it has one. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string')
    return error.code;
  return undefined;
}
